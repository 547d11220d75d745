import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { startDevnet } from '../daemon/devnet/devnet.js'
import { silentLog } from '../daemon/kit/log.js'
import { managerHome } from '../daemon/manager/config/home.js'
import { startManager } from '../daemon/manager/start-manager.js'

/**
 * The chain or the manager of a bench, each in a process of its own, with proofs that are taken unseen: what is measured is the manager, not the
 * verifier. `node manager-daemons.js chain DIR` or `… manager DIR CHAIN`; tells its address by IPC.
 */
const [kind, dir, chain] = process.argv.slice(2) as [string, string, string?]
const yes = { verifySeal: async () => true, verifyAggregate: async () => true, verifyReplicaUpdate: async () => true }

if (kind === 'chain') {
  const devnet = await startDevnet({
    home: join(dir, 'chain'),
    epochMs: 250,
    verifier: { ...yes, pieceCommitment: async () => new Uint8Array(32), close: async () => {} } as never,
  })
  process.send!({ address: devnet.address })
} else {
  const start = performance.now()
  const home = managerHome({ home: join(dir, 'manager') }, {})
  const store = join(dir, 'persist')
  mkdirSync(home.dir, { recursive: true })
  mkdirSync(store, { recursive: true })
  writeFileSync(
    home.configFile,
    `[Common.API]
Chain = "${chain}"
[[Common.PersistStores]]
Name = "persist"
Path = "${store}"
[[Miners]]
Actor = 1000
[Miners.Commitment]
Confidence = 0
[Miners.Commitment.Pre.Batch]
Threshold = 16
MaxWait = "1s"
CheckInterval = "250ms"
[Miners.Commitment.Prove.Batch]
Threshold = 16
MaxWait = "1s"
CheckInterval = "250ms"
`,
  )
  const manager = await startManager({
    home,
    listen: { host: '127.0.0.1', port: 0 },
    version: 'bench',
    log: silentLog,
    verifier: { verify: async () => true, close: async () => {} } as never,
  })
  // The process had to be started and its modules loaded, too.
  const startMs = process.uptime() * 1_000
  process.send!({ address: `http://${manager.address}`, startMs, openMs: performance.now() - start })
}
const loop = monitorEventLoopDelay({ resolution: 10 })
loop.enable()
process.on('message', message => {
  if (message !== 'usage') return
  // The histogram counts its own pauses of 10 ms, too.
  const loopP99Ms = loop.percentile(99) / 1e6 - 10
  loop.reset()
  process.send!({ rss: process.memoryUsage().rss, cpu: process.cpuUsage(), loopP99Ms })
})
process.on('disconnect', () => process.exit(0))
