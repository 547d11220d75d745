import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { tableText } from '../daemon/kit/terminal/table.js'
import { type Connection, connectRpc } from '../rpc-schema/rpc/connection.js'
import { TestYard } from '../test/harness/test-yard.js'

/**
 * Requests per second and latency of a cheap call (`Venus.WorkerPing`) against a real manager process on SQLite, beside a bare `node:http` server
 * that answers a constant, in the same run and with the same client: the ratio is what to look at, machines are noisy.
 */
const PING = [
  {
    Name: 'bench',
    Dest: '127.0.0.1:17890',
    Version: 'bench',
    Summary: { Threads: 1, Empty: 0, Paused: 0, Running: 1, Waiting: 0, Errors: 0 },
  },
]
const SECONDS = Number(process.env.BENCH_SECONDS ?? 5)
const CLIENTS = [1, 32]

interface Row {
  perSecond: number
  p50Ms: number
  p99Ms: number
}

async function load(connections: readonly Connection[], method: string, params: readonly unknown[]): Promise<Row> {
  const took: number[] = []
  const end = performance.now() + SECONDS * 1_000
  const startedAt = performance.now()
  await Promise.all(
    connections.map(async connection => {
      while (performance.now() < end) {
        const before = performance.now()
        await connection.call(method, params)
        took.push(performance.now() - before)
      }
    }),
  )
  const elapsed = (performance.now() - startedAt) / 1_000
  took.sort((a, b) => a - b)
  const quantile = (share: number): number =>
    Number(took[Math.min(took.length - 1, Math.floor(took.length * share))]!.toFixed(2))
  return { perSecond: Math.round(took.length / elapsed), p50Ms: quantile(0.5), p99Ms: quantile(0.99) }
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

async function withClients(url: string, count: number, run: (connections: Connection[]) => Promise<Row>): Promise<Row> {
  const connections = Array.from({ length: count }, () => connectRpc(url))
  try {
    return await run(connections)
  } finally {
    await Promise.all(connections.map(connection => connection.close()))
  }
}

const yard = new TestYard({ epochMs: 1_000, workerConfig: () => '' })
const bare = await bareServer()
try {
  await yard.devnet.start()
  await yard.startManager()
  const bareUrl = `http://127.0.0.1:${(bare.address() as AddressInfo).port}`
  const rows: (string | number)[][] = []
  for (const count of CLIENTS) {
    const base = await withClients(bareUrl, count, connections => load(connections, 'Bare', PING))
    rows.push(['bare node:http', 'http', count, base.perSecond, base.p50Ms, base.p99Ms, 1])
    for (const scheme of ['http', 'ws']) {
      for (const [method, params] of [
        ['Venus.WorkerPing', PING],
        ['Venus.Version', []],
      ] as const) {
        const row = await withClients(yard.manager.origin.replace('http', scheme), count, connections =>
          load(connections, method, params),
        )
        rows.push([
          method,
          scheme,
          count,
          row.perSecond,
          row.p50Ms,
          row.p99Ms,
          Number((row.perSecond / base.perSecond).toFixed(2)),
        ])
      }
    }
  }
  process.stdout.write(
    `${tableText(['call', 'transport', 'clients', 'requests/s', 'p50 ms', 'p99 ms', 'ratio to bare'], rows)}\n`,
  )
} finally {
  bare.closeAllConnections()
  bare.close()
  await yard.stop()
}
