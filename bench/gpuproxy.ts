// What gpuproxy does in a second, as a process of its own, beside what the same machine does at its best in the same run: calls of a bare node:http, and
// writes that wait for the disk. Prints tables; the figures of the original are in docs/gpuproxy.md. `[TASKS]`: in each row, default
// 1500.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDatabase } from '../daemon/kit/database.js'
import { tableText } from '../daemon/kit/terminal/table.js'
import { gpuProxyService, proofService } from '../rpc-schema/gpuproxy/index.js'
import { rpcClient } from '../rpc-schema/rpc/client.js'
import { type Connection, connectRpc } from '../rpc-schema/rpc/connection.js'
import type { ServerAddresses, ServerUsage } from './gpuproxy-server.js'

const SMALL_BYTES = 100_000
const LARGE_BYTES = 37_000_000
const TASKS = Number(process.argv[2] ?? 1_500)
const READS = 2 * TASKS
const WRITES = 300
const WARM_UP = 800
const LARGE = 8
const CLIENTS = [1, 2, 4, 16] as const
const LEASE_MS = 600_000

const bytes = (fill: number): number[] => Array.from({ length: 32 }, () => fill)

/** Documents of about so many bytes, alike but for their sectors: nodes of trees, as C1 writes them. */
function documents(size: number): (sector: number) => Buffer {
  const node = Array.from({ length: 32 }, (_, at) => (at * 37 + 11) % 256)
  const nodes = Array.from({ length: Math.ceil(size / JSON.stringify(node).length) }, () => node)
  const c1out = {
    registered_proof: 'StackedDrg32GiBV1_1',
    vanilla_proofs: { StackedDrg32GiBV1: [[{ comm_d_proofs: [], nodes }]] },
    comm_r: bytes(1),
    comm_d: bytes(2),
    replica_id: bytes(3),
    seed: bytes(4),
    ticket: bytes(5),
  }
  const rest = Buffer.from(`,"c1out":${JSON.stringify(c1out)}}`)
  return sector => Buffer.concat([Buffer.from(`{"prover_id":[${bytes(0)}],"sector_id":${sector}`), rest])
}

const dir = mkdtempSync(join(tmpdir(), 'bench-gpuproxy-'))
const server: ChildProcess = fork(new URL('./gpuproxy-server.js', import.meta.url), [dir])
const [addresses] = (await once(server, 'message')) as [ServerAddresses]
async function usage(): Promise<ServerUsage> {
  server.send('usage')
  return ((await once(server, 'message')) as [ServerUsage])[0]
}
const connections: Connection[] = []
function connect(address: string): Connection {
  const connection = connectRpc(`http://${address}`, { path: '/', timeoutMs: 120_000 })
  connections.push(connection)
  return connection
}
const clients = Array.from({ length: 16 }, () => {
  const connection = connect(addresses.proxy)
  return { connection, proof: rpcClient(proofService, connection), queue: rpcClient(gpuProxyService, connection) }
})

const rows: (string | number)[][] = []
/** Runs `count` calls over so many clients; a call that throws counts as failed. */
async function measure(
  what: string,
  parallel: number,
  count: number,
  call: (client: number, at: number) => Promise<unknown>,
  { byServer = true } = {},
): Promise<void> {
  let next = 0
  let failed = 0
  const times: number[] = []
  const { cpuMs: before } = await usage()
  const start = performance.now()
  await Promise.all(
    Array.from({ length: parallel }, async (_, client) => {
      for (let at = next++; at < count; at = next++) {
        const began = performance.now()
        await call(client, at).catch(() => {
          failed += 1
        })
        times.push(performance.now() - began)
      }
    }),
  )
  const seconds = (performance.now() - start) / 1000
  const { cpuMs: after } = await usage()
  times.sort((a, b) => a - b)
  const p99 = times[Math.floor(times.length * 0.99)]!
  rows.push([
    what,
    parallel,
    Math.round(count / seconds),
    times[Math.floor(times.length / 2)]!.toFixed(1),
    p99.toFixed(1),
    byServer ? ((after - before) / count).toFixed(2) : '',
    failed,
  ])
}

const small = documents(SMALL_BYTES)

/** What the disk gives away: a SQLite commit, and a file that is written whole or not at all, each waited for. */
async function measureDisk(): Promise<void> {
  const db = await openDatabase({ dsn: join(dir, 'disk.db'), migrations: [] })
  await db.schema.createTable('rows', table => void table.text('text'))
  const text = 'x'.repeat(300)
  await measure('bare SQLite: commit', 1, WRITES, () => db('rows').insert({ text }), { byServer: false })
  await db.destroy()
  const body = small(1)
  for (const parallel of [1, 16])
    await measure(
      'bare file of 100 kB, synced',
      parallel,
      WRITES,
      async (_, at) => {
        const path = join(dir, `file-${parallel}-${at}`)
        const file = await open(`${path}.partial`, 'w')
        await file.writeFile(body)
        await file.sync()
        await file.close()
        await rename(`${path}.partial`, path)
      },
      { byServer: false },
    )
}

await measureDisk()
const bare = connect(addresses.bare)
for (const parallel of [1, 16]) await measure('bare node:http', parallel, READS, () => bare.call('x', []))
const body = small(0).toString('base64')
for (const parallel of [1, 16])
  await measure('bare node:http, 133 kB', parallel, READS / 2, () => bare.call('x', [body]))

interface Claimed {
  readonly id: string
  readonly fence: number
  readonly worker: string
}

// Made before they are sent: what the clients cost is not looked at here.
let sector = 0
const made = (count: number): string[] => Array.from({ length: count }, () => small(sector++).toString('base64'))
let submitted = 0
async function submit(client: number, document: string): Promise<string> {
  const params = [`t0${1000 + (submitted++ % 7)}`, 'bench', 0, document]
  return (await clients[client]!.connection.call('Proof.AddTask', params)) as string
}
async function claim(client: number): Promise<Claimed> {
  const worker = `w${client}`
  const claimed = await clients[client]!.queue.Claim(worker, null, LEASE_MS)
  if (claimed === null) throw new Error('nothing')
  return { id: claimed.task.id, fence: claimed.fence, worker }
}
const proof = new Uint8Array(1920)
async function record(client: number, { worker, ...claimed }: Claimed): Promise<void> {
  const outcome = await clients[client]!.queue.Complete(worker, claimed, proof)
  if (outcome !== 'recorded') throw new Error(outcome)
}

// Not counted: a server that has just started compiles what it runs.
for (let round = 0; round < WARM_UP / 16; round++) {
  await Promise.all(made(16).map((document, client) => submit(client, document)))
  const claimed = await Promise.all(clients.map((_, client) => claim(client)))
  await Promise.all(claimed.map((one, client) => record(client, one)))
}
const ids: string[] = []
for (const parallel of CLIENTS) {
  const documents = made(TASKS)
  await measure('submit, 100 kB', parallel, TASKS, async (client, at) => {
    ids.push(await submit(client, documents[at]!))
  })
}
for (const parallel of [1, 16])
  await measure('GetTask', parallel, READS, (client, at) => clients[client]!.proof.GetTask(ids[at % ids.length]!))
const claims: Claimed[] = []
for (const parallel of CLIENTS)
  await measure('claim', parallel, TASKS, async client => {
    claims.push(await claim(client))
  })
for (const [round, parallel] of CLIENTS.entries()) {
  const mine = claims.slice(round * TASKS, (round + 1) * TASKS)
  await measure('record', parallel, mine.length, (client, at) => record(client, mine[at]!))
}
process.stdout.write(
  `${tableText(['calls', 'clients', 'per second', 'p50 ms', 'p99 ms', 'server’s CPU ms', 'failed'], rows)}\n\n`,
)

const megabytes = (count: number): number => Math.round(count / 1e6)
const memory: (string | number)[][] = []
const large = documents(LARGE_BYTES)
async function submitLarge(parallel: number, number: number): Promise<void> {
  const bodies = Array.from({ length: parallel }, () => large(sector++))
  const before = await usage()
  const start = performance.now()
  await Promise.all(bodies.map((body, at) => clients[at]!.proof.AddTask('t01000', 'large', 0, body)))
  const tookMs = performance.now() - start
  const { cpuMs, rssBytes, highestRssBytes } = await usage()
  memory.push([
    parallel,
    number,
    Math.round(tookMs / parallel),
    Math.round((cpuMs - before.cpuMs) / parallel),
    megabytes(highestRssBytes),
    megabytes(rssBytes),
  ])
}
for (let number = 1; number <= LARGE; number++) await submitLarge(1, number)
for (let number = 1; number <= 3; number++) await submitLarge(4, number)
process.stdout.write(
  `documents of 37 MB\n${tableText(['at once', 'number', 'ms each', 'server’s CPU ms each', 'highest MB', 'resident MB'], memory)}\n`,
)

for (const connection of connections) await connection.close()
server.disconnect()
await once(server, 'exit')
rmSync(dir, { recursive: true, force: true })
