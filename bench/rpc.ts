import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { tableText } from '../daemon/kit/terminal/table.js'
import { managerService } from '../rpc-schema/manager/index.js'
import { rpcClient } from '../rpc-schema/rpc/client.js'
import { type Connection, connectRpc } from '../rpc-schema/rpc/connection.js'
import { converse } from './conversation.js'

/**
 * The manager's API under load: a manager on SQLite and a simulated chain, each a process of its own; proofs are taken unseen. Beside each figure
 * stands a bare `node:http` server that answers a constant, in the same run and with the same client: the ratio is what to look at, machines are noisy.
 * BENCH_SECONDS: of each row (5). BENCH_WORKERS: simulated workers (1,000). BENCH_TALKERS: workers that hold conversations (64).
 */
const SECONDS = Number(process.env.BENCH_SECONDS ?? 5)
const WORKERS = Number(process.env.BENCH_WORKERS ?? 1_000)
const TALKERS = Number(process.env.BENCH_TALKERS ?? 64)
const POLL_MS = 1_000

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

interface Figures {
  perSecond: number
  p50Ms: number
  p99Ms: number
}

function figures(tookMs: number[], elapsedMs: number): Figures {
  tookMs.sort((a, b) => a - b)
  const quantile = (share: number): number =>
    Number((tookMs[Math.min(tookMs.length - 1, Math.floor(tookMs.length * share))] ?? 0).toFixed(2))
  return {
    perSecond: Math.round((tookMs.length * 1_000) / elapsedMs),
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
  }
}

/** Every connection asks again as soon as it has its answer. */
async function load(
  connections: readonly Connection[],
  method: string,
  params: (index: number) => unknown[],
): Promise<Figures> {
  const took: number[] = []
  const start = performance.now()
  const end = start + SECONDS * 1_000
  await Promise.all(
    connections.map(async (connection, index) => {
      while (performance.now() < end) {
        const before = performance.now()
        await connection.call(method, params(index))
        took.push(performance.now() - before)
      }
    }),
  )
  return figures(took, performance.now() - start)
}

async function withConnections<T>(url: string, count: number, work: (all: Connection[]) => Promise<T>): Promise<T> {
  const all = Array.from({ length: count }, () => connectRpc(url))
  try {
    return await work(all)
  } finally {
    await Promise.all(all.map(connection => connection.close()))
  }
}

function bareServer(): Promise<http.Server> {
  const server = http.createServer((request, response) => {
    request
      .resume()
      .on('end', () =>
        response.writeHead(200, { 'content-type': 'application/json' }).end('{"jsonrpc":"2.0","id":0,"result":null}'),
      )
  })
  return new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(server)))
}

const children: ChildProcess[] = []

function daemon(...args: string[]): Promise<{ child: ChildProcess; address: string; startMs: number }> {
  const child = fork(fileURLToPath(new URL('manager-daemons.js', import.meta.url)), args, { stdio: 'inherit' })
  children.push(child)
  return new Promise((resolve, reject) => {
    child.once('exit', code => reject(new Error(`${args[0]} ended with ${code}`)))
    child.once('message', message => {
      const { address, startMs = 0 } = message as { address: string; startMs?: number }
      resolve({ child, address, startMs })
    })
  })
}

async function usage(child: ChildProcess): Promise<{ rssMiB: number; cpuMs: number; loopP99Ms: number }> {
  child.send('usage')
  type Told = { rss: number; cpu: NodeJS.CpuUsage; loopP99Ms: number }
  const { rss, cpu, loopP99Ms } = await new Promise<Told>(resolve =>
    child.once('message', message => resolve(message as Told)),
  )
  return { loopP99Ms, rssMiB: Math.round(rss / 2 ** 20), cpuMs: (cpu.user + cpu.system) / 1_000 }
}

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** Workers on a WebSocket each that ping, report and poll once a second. */
async function workersPolling(url: string, sectors: number): Promise<Map<string, Figures>> {
  const POLLED = ['Venus.WorkerPing', 'Venus.PollPreCommitState', 'Venus.ReportState']
  const took = new Map<string, number[]>(POLLED.map(method => [method, []]))
  let start = 0
  await withConnections(url.replace('http', 'ws'), WORKERS, async all => {
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

const dir = mkdtempSync(join(tmpdir(), 'sealyard-bench-'))
const bare = await bareServer()
try {
  const bareUrl = `http://127.0.0.1:${(bare.address() as AddressInfo).port}`
  const chain = await daemon('chain', dir)
  const manager = await daemon('manager', dir, `${chain.address.replace('http', 'ws')}/rpc/v1`)
  const facts: (string | number)[][] = [['start', `${Math.round(manager.startMs)} ms`]]
  const idleShare = async (): Promise<string> => {
    await pause(2_000)
    const before = await usage(manager.child)
    await pause(SECONDS * 1_000)
    const after = await usage(manager.child)
    return `${((after.cpuMs - before.cpuMs) / (SECONDS * 10)).toFixed(2)} %`
  }
  const admin = connectRpc(`${chain.address}/rpc/v1`)
  facts.push(['idle CPU, a head each 250 ms', await idleShare()])
  await admin.call('Devnet.PauseMining', [])
  facts.push(['idle CPU, no new heads', await idleShare()])
  await admin.call('Devnet.ResumeMining', [])
  await admin.close()
  facts.push(['RSS idle', `${(await usage(manager.child)).rssMiB} MiB`])

  const url = `${manager.address}/rpc/v0`
  const spec = [{ AllowedMiners: [1000], AllowedProofTypes: [] }]
  const sectors = 100
  await withConnections(url, 8, all =>
    Promise.all(
      Array.from({ length: sectors }, (_, index) => all[index % all.length]!.call('Venus.AllocateSector', spec)),
    ),
  )
  const rows: (string | number)[][] = []
  const row = (name: string, transport: string, count: number, found: Figures, base: Figures): void => {
    const ratio = Number((found.perSecond / base.perSecond).toFixed(2))
    rows.push([name, transport, count, found.perSecond, found.p50Ms, found.p99Ms, ratio])
  }
  for (const count of [1, 32]) {
    const base = await withConnections(bareUrl, count, all => load(all, 'Bare', () => [ping('bench')]))
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
          await withConnections(url.replace('http', transport), count, all => load(all, method, params)),
          base,
        )
  }
  const base = await withConnections(bareUrl, WORKERS, all => load(all, 'Bare', () => []))
  row('bare node:http', 'http', WORKERS, base, base)
  await usage(manager.child)
  const polled = await workersPolling(url, sectors)
  facts.push(['event loop p99, workers polling', `${(await usage(manager.child)).loopP99Ms.toFixed(1)} ms`])
  for (const [method, found] of polled) row(`${method}, polled`, 'ws', WORKERS, found, base)

  const cpuBefore = await usage(manager.child)
  let calls = 0
  const talks = await withConnections(url.replace('http', 'ws'), TALKERS, async all => {
    const took: number[] = []
    const start = performance.now()
    const end = start + 2 * SECONDS * 1_000
    await Promise.all(
      all.map(async connection => {
        const api = rpcClient(managerService, connection)
        while (performance.now() < end) {
          const from = performance.now()
          const said = await converse(api, join(dir, 'persist'))
          calls += said
          took.push(performance.now() - from)
        }
      }),
    )
    return { count: took.length, ...figures(took, performance.now() - start) }
  })
  const after = await usage(manager.child)
  facts.push(
    ['conversations', `${talks.perSecond}/s (${TALKERS} at a time)`],
    ['calls of a conversation', (calls / talks.count).toFixed(1)],
    ['CPU of a conversation', `${((after.cpuMs - cpuBefore.cpuMs) / talks.count).toFixed(1)} ms`],
    ['event loop p99, conversations', `${after.loopP99Ms.toFixed(1)} ms`],
    ['RSS under load', `${after.rssMiB} MiB`],
  )
  const head = ['call', 'transport', 'clients', 'requests/s', 'p50 ms', 'p99 ms', 'ratio to bare']
  const beside = facts.map(([name, value]) => [name!, value!, ORIGINAL[name!] ?? ''])
  const told = [
    tableText(head, rows),
    `the original, Venus.WorkerPing: ${ORIGINAL['Venus.WorkerPing']}`,
    tableText(['figure', 'here', 'the original'], beside),
  ]
  process.stdout.write(`${told.join('\n\n')}\n`)
} finally {
  bare.closeAllConnections()
  bare.close()
  for (const child of children) child.kill()
  rmSync(dir, { recursive: true, force: true })
}
