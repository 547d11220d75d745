// What gpuproxy does in a second, beside a bare node:http in the same run. Prints a table; the figures of the original are in docs/gpuproxy.md.
import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startGpuProxy } from '../daemon/gpuproxy/start-gpuproxy.js'
import { silentLog } from '../daemon/kit/log.js'
import { tableText } from '../daemon/kit/terminal/table.js'
import { gpuProxyService, proofService } from '../rpc-schema/gpuproxy/index.js'
import { rpcClient } from '../rpc-schema/rpc/client.js'
import { type Connection, connectRpc } from '../rpc-schema/rpc/connection.js'

const SMALL_BYTES = 100_000
const LARGE_BYTES = 37_000_000
const TASKS = 1_500
const CLIENTS = [1, 2, 4, 16] as const
const LEASE_MS = 600_000

const bytes = (fill: number): number[] => Array.from({ length: 32 }, () => fill)

/** A document of about so many bytes. */
function document(sector: number, size: number): Buffer {
  const c1out = {
    registered_proof: 'StackedDrg32GiBV1_1',
    vanilla_proofs: { StackedDrg32GiBV1: [[{ data: 'x'.repeat(size) }]] },
    comm_r: bytes(1),
    comm_d: bytes(2),
    replica_id: bytes(3),
    seed: bytes(4),
    ticket: bytes(5),
  }
  return Buffer.from(JSON.stringify({ prover_id: bytes(0), sector_id: sector, c1out }))
}

const dir = mkdtempSync(join(tmpdir(), 'bench-gpuproxy-'))
const proxy = await startGpuProxy({
  dsn: join(dir, 'gpuproxy.db'),
  listen: { host: '127.0.0.1', port: 0 },
  resourceDir: join(dir, 'resources'),
  log: silentLog,
  // Verifying costs what the prover costs; here the service is measured.
  proofs: { check: () => Promise.resolve('unknown'), close: () => Promise.resolve() },
})
const connections: Connection[] = []
const connect = () => {
  const connection = connectRpc(`http://${proxy.address}`, { path: '/', timeoutMs: 120_000 })
  connections.push(connection)
  return { proof: rpcClient(proofService, connection), queue: rpcClient(gpuProxyService, connection) }
}
const clients = Array.from({ length: 16 }, connect)

const rows: (string | number)[][] = []
/** Runs `count` calls over so many clients; a call that throws counts as failed. */
async function measure(
  what: string,
  parallel: number,
  count: number,
  call: (client: number, at: number) => Promise<unknown>,
) {
  let next = 0
  let failed = 0
  const times: number[] = []
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
  times.sort((a, b) => a - b)
  const p99 = times[Math.floor(times.length * 0.99)]!
  rows.push([
    what,
    parallel,
    Math.round(count / seconds),
    times[Math.floor(times.length / 2)]!.toFixed(1),
    p99.toFixed(1),
    failed,
  ])
}

const bare = http.createServer((request, response) => {
  request.resume().on('end', () => response.end('{"jsonrpc":"2.0","result":null,"id":0}'))
})
await new Promise<void>(resolve => bare.listen(0, '127.0.0.1', resolve))
const barePort = (bare.address() as AddressInfo).port
const bareConnection = connectRpc(`http://127.0.0.1:${barePort}`, { path: '/' })
for (const parallel of [1, 16]) await measure('bare node:http', parallel, 3_000, () => bareConnection.call('x', []))

const documents = Array.from({ length: 64 }, (_, at) => document(at, SMALL_BYTES))
const ids: string[] = []
let round = 0
for (const parallel of CLIENTS) {
  round += 1
  const base = round * TASKS
  await measure('submit, 100 kB', parallel, TASKS, async (client, at) => {
    const body = Buffer.from(documents[at % 64]!.toString().replace(/"sector_id":\d+/, `"sector_id":${base + at}`))
    ids.push(await clients[client]!.proof.AddTask(`t0${1000 + (at % 7)}`, 'bench', 0, body))
  })
}
await measure('GetTask', 1, 3_000, (_, at) => clients[0]!.proof.GetTask(ids[at % ids.length]!))
const claims: { id: string; fence: number }[] = []
for (const parallel of CLIENTS) {
  await measure('claim', parallel, TASKS, async client => {
    const claimed = await clients[client]!.queue.Claim(`w${client}`, null, LEASE_MS)
    if (claimed === null) throw new Error('nothing')
    claims.push({ id: claimed.task.id, fence: claimed.fence })
  })
}
for (const [at, parallel] of CLIENTS.entries()) {
  const mine = claims.slice(at * TASKS, (at + 1) * TASKS)
  const proof = new Uint8Array(1920)
  await measure('record', parallel, mine.length, async (client, index) => {
    const claim = mine[index]!
    const { workerId } = await clients[client]!.proof.GetTask(claim.id)
    const outcome = await clients[client]!.queue.Complete(workerId, claim, proof)
    if (outcome !== 'recorded') throw new Error(outcome)
  })
}
process.stdout.write(`${tableText(['calls', 'clients', 'per second', 'p50 ms', 'p99 ms', 'failed'], rows)}\n\n`)

const memory: (string | number)[][] = []
for (let at = 0; at < 8; at++) {
  const start = performance.now()
  await clients[0]!.proof.AddTask('t01000', 'large', 0, document(1_000_000 + at, LARGE_BYTES))
  const tookMs = performance.now() - start
  globalThis.gc?.()
  memory.push([at + 1, Math.round(tookMs), Math.round(process.memoryUsage().rss / 1e6)])
}
process.stdout.write(
  `37 MB documents, client and server in one process\n${tableText(['number', 'ms', 'resident MB'], memory)}\n`,
)

for (const connection of [...connections, bareConnection]) await connection.close()
bare.close()
await proxy.stop()
rmSync(dir, { recursive: true, force: true })
