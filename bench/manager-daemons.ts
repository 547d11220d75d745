import { mkdirSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'

/**
 * The programs of a bench, each in a process of its own: `node manager-daemons.js bare`, `… chain DIR`, `… manager DIR CHAIN [busy]`. Tells its address by IPC
 * and ends with the connection. Proofs are taken unseen: what is measured is the manager, not the verifier.
 */
const [kind, dir = '', chain = '', pace = ''] = process.argv.slice(2)
/** A chain whose heads come 300 times as fast as mainnet's, so that conversations do not wait for it. */
const EPOCH_MS = 100

/** As quick as the chain. */
const QUICK_BATCHES = `[Miners.Commitment]
Confidence = 0
[Miners.Commitment.Pre.Batch]
Threshold = 16
MaxWait = "250ms"
CheckInterval = "250ms"
[Miners.Commitment.Prove.Batch]
Threshold = 16
MaxWait = "250ms"
CheckInterval = "250ms"
`

const tell = (address: string): boolean => process.send!({ address })

let stop = async (): Promise<void> => {}
switch (kind) {
  case 'bare': {
    const server = http.createServer((request, response) => {
      const answer = (): unknown =>
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': ANSWER.length }).end(ANSWER)
      request.resume().on('end', answer)
    })
    const ANSWER = '{"jsonrpc":"2.0","id":0,"result":null}'
    server.listen(0, '127.0.0.1', () => tell(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
    break
  }
  case 'chain': {
    const { ScriptedChain } = await import('./scripted-chain.js')
    tell(await ScriptedChain.start(join(dir, 'chain'), EPOCH_MS))
    break
  }
  default: {
    const { startManager } = await import('../daemon/manager/start-manager.js')
    const { managerHome } = await import('../daemon/manager/config/home.js')
    const { silentLog } = await import('../daemon/kit/log.js')
    const home = managerHome({ home: join(dir, 'manager') }, {})
    const store = join(dir, 'persist')
    mkdirSync(home.dir, { recursive: true })
    mkdirSync(store, { recursive: true })
    writeFileSync(home.configFile, configText(chain, store) + (pace === 'busy' ? QUICK_BATCHES : ''))
    const manager = await startManager({
      home,
      listen: { host: '127.0.0.1', port: 0 },
      version: 'bench',
      log: silentLog,
      verifier: { verify: async () => true, close: async () => {} } as never,
    })
    stop = () => manager.stop()
    tell(`http://${manager.address}`)
  }
}

function configText(chainAddress: string, store: string): string {
  return `[Common.API]
Chain = "${chainAddress}"
[[Common.PersistStores]]
Name = "persist"
Path = "${store}"
[[Miners]]
Actor = 1000
`
}

const loop = monitorEventLoopDelay({ resolution: 10 })
process.on('message', message => {
  // Not while it idles: the watch itself is work.
  if (message === 'watch') loop.enable()
  if (message !== 'usage') return
  // The histogram counts its own pauses of 10 ms, too.
  const loopP99Ms = loop.percentile(99) / 1e6 - 10
  loop.reset()
  process.send!({ rss: process.memoryUsage().rss, cpu: process.cpuUsage(), loopP99Ms })
})
process.on('disconnect', () => void stop().then(() => process.exit(0)))
