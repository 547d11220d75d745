import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tableText } from '../daemon/kit/terminal/table.js'
import { managerService } from '../rpc-schema/manager/index.js'
import { rpcClient } from '../rpc-schema/rpc/client.js'
import { type Connection, connectRpc } from '../rpc-schema/rpc/connection.js'
import { BenchProcess, programStart } from './bench-process.js'
import { converse } from './conversation.js'
import { type Figures, figures, load, withCallers } from './load.js'

/**
 * The manager's API under load: a manager on SQLite and a chain that answers from memory, each a process of its own; proofs are taken unseen. Beside
 * each figure stands a bare `node:http` server that answers a constant, in the same run, with the same client and in a process of its own, too: the
 * ratio is what to look at, machines are noisy.
 * BENCH_SECONDS: of each row (5). BENCH_WORKERS: simulated workers (1,000). BENCH_TALKERS: workers that hold
 * conversations, each of which waits for the chain more than a second (192).
 * BENCH_PROFILE=manager: leaves a CPU profile of the manager in the working directory.
 */
const SECONDS = Number(process.env.BENCH_SECONDS ?? 5)
const WORKERS = Number(process.env.BENCH_WORKERS ?? 1_000)
const TALKERS = Number(process.env.BENCH_TALKERS ?? 192)
const POLL_MS = 1_000
const STARTS = 5
/** The first calls make the programs warm. */
const WARM_SHARE = 0.2

/** The Go manager on two busy cores, as measured when this project began. */
const ORIGINAL: Record<string, string> = {
  'Venus.WorkerPing': '2,100–6,400/s, p99 80–1,265 ms (32 clients)',
  start: '250 ms',
  conversations: '32.7/s',
  'calls of a conversation': '27',
  'CPU of a conversation': '14.6 ms',
  'RSS under load': '0.85–1.0 GB',
}

const ping = (Name: string) => ({
  Name,
  Dest: '127.0.0.1:17890',
  Version: 'bench',
  Summary: { Threads: 1, Empty: 0, Paused: 0, Running: 1, Waiting: 0, Errors: 0 },
})
const report = (number: number) => [
  { Miner: 1000, Number: number },
  {
    Worker: { Instance: 'bench', Location: '/tmp/sealing' },
    StateChange: { Prev: 'PC1Done', Next: 'PC2Done', Event: 'PC2' },
    Failure: null,
  },
]

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** Workers on a WebSocket each that ping, report and poll once a second. */
async function workersPolling(url: string, sectors: number): Promise<Map<string, Figures>> {
  const POLLED = ['Venus.WorkerPing', 'Venus.PollPreCommitState', 'Venus.ReportState']
  const took = new Map<string, number[]>(POLLED.map(method => [method, []]))
  let start = 0
  await withCallers(url.replace('http', 'ws'), WORKERS, async all => {
    // Workers stay connected for weeks: how long a thousand dials take is not what is asked here.
    await Promise.all(all.map(connection => connection.call('Venus.Version', [])))
    start = performance.now()
    const end = start + SECONDS * 1_000
    await Promise.all(
      all.map(async (connection, index) => {
        const call = async (method: string, params: unknown[]): Promise<void> => {
          const before = performance.now()
          await connection.call(method, params)
          took.get(method)!.push(performance.now() - before)
        }
        await pause(Math.random() * POLL_MS)
        while (performance.now() < end) {
          const number = (index % sectors) + 1
          await call('Venus.WorkerPing', [ping(`worker-${index}`)])
          await call('Venus.PollPreCommitState', [{ Miner: 1000, Number: number }])
          if (index % 10 === 0) await call('Venus.ReportState', report(number))
          await pause(POLL_MS)
        }
      }),
    )
  })
  const elapsed = performance.now() - start
  return new Map([...took].map(([method, times]) => [method, figures(times, elapsed)]))
}

/** So many workers that bring one sector after the other to the chain. */
async function conversations(manager: BenchProcess, url: string, store: string): Promise<(string | number)[][]> {
  const took: number[] = []
  let calls = 0
  let warm = false
  const connections: Connection[] = []
  const begin = performance.now()
  const end = begin + 2 * SECONDS * 1_000
  const talkers = Array.from({ length: TALKERS }, async () => {
    const connection = connectRpc(url.replace('http', 'ws'))
    connections.push(connection)
    const api = rpcClient(managerService, connection)
    while (performance.now() < end) {
      const from = performance.now()
      const said = await converse(api, store)
      if (!warm) continue
      calls += said
      took.push(performance.now() - from)
    }
  })
  await pause(2 * SECONDS * 1_000 * WARM_SHARE)
  warm = true
  const before = await manager.usage()
  const start = performance.now()
  await Promise.all(talkers)
  const elapsed = performance.now() - start
  const after = await manager.usage()
  await Promise.all(connections.map(connection => connection.close()))
  const { perSecond, p50Ms } = figures(took, elapsed)
  return [
    ['conversations', `${perSecond}/s (${TALKERS} at a time, ${Math.round(p50Ms)} ms each)`],
    ['calls of a conversation', (calls / took.length).toFixed(1)],
    ['CPU of a conversation', `${((after.cpuMs - before.cpuMs) / took.length).toFixed(1)} ms`],
    ['event loop p99, conversations', `${after.loopP99Ms.toFixed(1)} ms`],
    ['RSS under load', `${after.rssMiB} MiB`],
  ]
}

const dir = mkdtempSync(join(tmpdir(), 'sealyard-bench-'))
const running: BenchProcess[] = []
const started = async (...args: Parameters<typeof BenchProcess.start>): Promise<BenchProcess> => {
  const process = await BenchProcess.start(...args)
  running.unshift(process)
  return process
}
try {
  const bare = await started('bare')
  const chain = await started('chain', dir)
  // The first start of a home makes its database. With the settings that an operator has, which is what idles.
  const first = await started('manager', dir, chain.address)
  const facts: (string | number)[][] = []
  const idleShare = async (): Promise<string> => {
    await pause(2_000)
    const before = await first.usage()
    const start = performance.now()
    await pause(2 * SECONDS * 1_000)
    const after = await first.usage()
    return `${(((after.cpuMs - before.cpuMs) / (performance.now() - start)) * 100).toFixed(2)} %`
  }
  facts.push(['idle CPU, ten heads a second', await idleShare()])
  chain.tell('pause')
  facts.push(['idle CPU, no new heads', await idleShare()], ['RSS idle', `${(await first.usage()).rssMiB} MiB`])
  await running.shift()!.stop()
  const starts = []
  for (let turn = 0; turn < STARTS; turn++) starts.push(await programStart(join(dir, 'manager')))
  const best = starts.sort((a, b) => a.startMs - b.startMs)[0]!
  facts.push(['start', `${best.startMs} ms, ${best.cpuMs} ms CPU (best of ${STARTS})`])
  const manager = await started('manager', dir, chain.address, 'busy')
  manager.tell('watch')
  chain.tell('resume')

  const url = `${manager.address}/rpc/v0`
  const spec = [{ AllowedMiners: [1000], AllowedProofTypes: [] }]
  const sectors = 100
  await withCallers(url, 8, all =>
    Promise.all(
      all.map(async caller => {
        for (let count = 0; count < sectors / all.length; count++) await caller.call('Venus.AllocateSector', spec)
      }),
    ),
  )
  const rows: (string | number)[][] = []
  type Row = Figures & { cpuMicros?: number }
  const row = (name: string, transport: string, count: number, found: Row, base: Row): void => {
    const ratio = (found.perSecond / base.perSecond).toFixed(2)
    rows.push([name, transport, count, found.perSecond, found.p50Ms, found.p99Ms, found.cpuMicros ?? '', ratio])
  }
  const bareLoad = (count: number): Promise<Row> =>
    withCallers(bare.address, count, all => load(bare, SECONDS, all, 'Bare', () => [ping('bench')]))
  await bareLoad(32)
  for (const count of [1, 32]) {
    const base = await bareLoad(count)
    row('bare node:http', 'http', count, base, base)
    const calls: readonly [string, (index: number) => unknown[]][] = [
      ['Venus.Version', () => []],
      ['Venus.WorkerPing', index => [ping(`bench-${index}`)]],
      ['Venus.ReportState', index => report(index + 1)],
      ['Venus.AllocateSector', () => spec],
    ]
    for (const transport of ['http', 'ws'])
      for (const [method, params] of calls)
        row(
          method,
          transport,
          count,
          await withCallers(url.replace('http', transport), count, all => load(manager, SECONDS, all, method, params)),
          base,
        )
  }
  const base = await bareLoad(WORKERS)
  row('bare node:http', 'http', WORKERS, base, base)
  await manager.usage()
  const polled = await workersPolling(url, sectors)
  facts.push(['event loop p99, workers polling', `${(await manager.usage()).loopP99Ms.toFixed(1)} ms`])
  for (const [method, found] of polled) row(`${method}, polled`, 'ws', WORKERS, found, base)
  facts.push(...(await conversations(manager, url, join(dir, 'persist'))))

  const head = ['call', 'transport', 'clients', 'requests/s', 'p50 ms', 'p99 ms', 'CPU µs', 'ratio to bare']
  const beside = facts.map(([name, value]) => [name!, value!, ORIGINAL[name!] ?? ''])
  const told = [
    tableText(head, rows),
    `the original, Venus.WorkerPing: ${ORIGINAL['Venus.WorkerPing']}`,
    tableText(['figure', 'here', 'the original'], beside),
  ]
  process.stdout.write(`${told.join('\n\n')}\n`)
} finally {
  for (const one of running) await one.stop()
  rmSync(dir, { recursive: true, force: true })
}
