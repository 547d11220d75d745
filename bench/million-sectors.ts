import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openDatabase } from '../daemon/kit/database.js'
import { tableText } from '../daemon/kit/terminal/table.js'
import { managerMigrations } from '../migrations/manager/index.js'
import { managerService } from '../rpc-schema/manager/index.js'
import { sealyardService } from '../rpc-schema/manager/sealyard.js'
import { ANY_SECTOR } from '../rpc-schema/manager/sector-search.js'
import { rpcClient } from '../rpc-schema/rpc/client.js'
import { type Connection, connectRpc } from '../rpc-schema/rpc/connection.js'
import { TestYard } from '../test/harness/test-yard.js'

/**
 * A real manager process on a SQLite database of 1,000,000 sectors: start, memory, looks, pages, allocation, a round of state reports. Beside each row
 * the latency that another caller sees meanwhile for a call that touches no database (`Venus.Version`, 20 a second): what the event loop is held up.
 * BENCH_SECTORS and BENCH_ONLINE change the sizes.
 */
const MINER = 1000
const SECTORS = Number(process.env.BENCH_SECTORS ?? 1_000_000)
const ONLINE = Number(process.env.BENCH_ONLINE ?? 1_000)
const PIECE = 'baga6ea4seaqdze2m6jmh3q4ba54gc73croxc6kx64zrgoo3cnpxmd7kmnm2iedy'
const COMM_R = 'bagboea4b5abcb7dbb42foyz4twk37m4aknszr63v26llvyvok3oi3udkv5a4qstd'

/** What a finished deal sector of 32 GiB looks like: about 1.9 kB. */
const recordText = (number: number, online: boolean): string =>
  JSON.stringify({
    ID: { Miner: MINER, Number: number },
    SectorType: 5,
    Ticket: { Ticket: Buffer.alloc(32, 1).toString('base64'), Epoch: 4204 },
    Seed: { Seed: Buffer.alloc(32, 2).toString('base64'), Epoch: 5117 },
    Deals: null,
    Pieces: [
      {
        Piece: { Size: 2048, PieceCID: { '/': PIECE } },
        DealInfo: {
          DealID: number,
          PublishCid: { '/': COMM_R },
          AllocationID: 0,
          PieceCID: { '/': PIECE },
          PieceSize: 2048,
          Client: 'f01002',
          Provider: 'f01000',
          Offset: 0,
          Length: 2048,
          PayloadSize: 2000,
          StartEpoch: 10103,
          EndEpoch: 1505103,
          IsBuiltinMarket: true,
          IsCompatible: false,
        },
      },
    ],
    Pre: {
      CommR: { '/': COMM_R },
      CommD: { '/': PIECE },
      Ticket: { Ticket: Buffer.alloc(32, 1).toString('base64'), Epoch: 4204 },
    },
    Proof: { Proof: Buffer.alloc(192, 3).toString('base64') },
    MessageInfo: { PreCommitCid: { '/': COMM_R }, CommitCid: { '/': COMM_R }, NeedSend: false },
    TerminateInfo: { TerminateCid: null, TerminatedAt: 0, AddedHeight: 0 },
    LatestState: {
      Worker: { Instance: `worker-${number % 100}`, Location: '/mnt/seal' },
      StateChange: { Prev: 'ProofSubmitted', Next: 'Finished', Event: 'None' },
      Failure: null,
    },
    Finalized: !online,
    Removed: false,
    AbortReason: '',
    Upgraded: false,
    UpgradePublic: null,
    UpgradedInfo: null,
    UpgradeMessageID: null,
    UpgradeLandedEpoch: null,
    Imported: false,
    NeedRebuild: false,
    Unsealing: false,
  })

async function fill(file: string): Promise<void> {
  const db = await openDatabase({ dsn: file, migrations: managerMigrations, synchronous: 'normal' })
  const at = 1_700_000_000_000
  for (let from = 1; from <= SECTORS; from += 20_000) {
    await db.transaction(async trx => {
      const numbers = Array.from({ length: Math.min(20_000, SECTORS - from + 1) }, (_, index) => from + index)
      await trx.batchInsert(
        'sectors',
        numbers.map(number => {
          const online = number > SECTORS - ONLINE
          return {
            miner: MINER,
            number,
            store: online ? 'online' : 'offline',
            upgraded: false,
            need_rebuild: false,
            unsealing: false,
            need_send: false,
            aborted: false,
            state: 'Finished',
            worker: `worker-${number % 100}`,
            record: recordText(number, online),
            created_at: at,
            updated_at: at,
          }
        }),
        60,
      )
      await trx.batchInsert(
        'sector_pieces',
        numbers.map(number => ({
          miner: MINER,
          number,
          position: 0,
          piece_cid: PIECE,
          deal_id: number,
          allocation_id: null,
        })),
        100,
      )
    })
  }
  await db('sector_numbers').insert({ miner: MINER, last: SECTORS })
  await db.raw('PRAGMA wal_checkpoint(TRUNCATE)')
  await db.destroy()
}

const quantile = (sorted: readonly number[], share: number): string =>
  (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1)

interface Measured {
  took: number[]
  elapsedMs: number
  probe: number[]
}

/** Calls `one` so many times from so many callers, while a probe looks how long others wait. */
async function measure(
  probe: Connection,
  count: number,
  callers: number,
  one: (turn: number) => Promise<unknown>,
): Promise<Measured> {
  const took: number[] = []
  const waits: number[] = []
  let next = 0
  let running = true
  const probing = (async () => {
    while (running) {
      const before = performance.now()
      await probe.call('Venus.Version', [])
      waits.push(performance.now() - before)
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  })()
  const startedAt = performance.now()
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (next < count) {
        const turn = next++
        const before = performance.now()
        await one(turn)
        took.push(performance.now() - before)
      }
    }),
  )
  const elapsedMs = performance.now() - startedAt
  running = false
  await probing
  return { took: took.sort((a, b) => a - b), elapsedMs, probe: waits.sort((a, b) => a - b) }
}

/** Resident memory of the process that listens for the yard's manager, in MB. */
function residentMb(pid: number): number {
  const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Math.round(Number(line?.[1] ?? 0) / 1024)
}

const lockedPid = (dir: string): number => {
  const pids = readFileSync('/proc/self/task/'.concat(String(process.pid), '/children'), 'utf8')
    .trim()
    .split(' ')
  const found = pids.find(pid => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(join(dir, 'manager')))
  return Number(found)
}

const yard = new TestYard({ epochMs: 1_000, workerConfig: () => '' })
try {
  const filledAt = performance.now()
  await fill(join(yard.dir, 'manager', 'manager.db'))
  process.stdout.write(`${SECTORS} sectors written in ${((performance.now() - filledAt) / 1_000).toFixed(0)} s\n`)
  await yard.devnet.start()
  const beganAt = performance.now()
  await yard.startManager()
  const probe = connectRpc(yard.manager.origin)
  const client = connectRpc(yard.manager.origin, { timeoutMs: 600_000 })
  const path = { path: '/rpc/v0' }
  const api = connectRpc(yard.manager.origin, path)
  const manager = rpcClient(managerService, api)
  const own = rpcClient(sealyardService, api)
  const probeApi = connectRpc(yard.manager.origin, path)
  await manager.Version()
  const startMs = performance.now() - beganAt
  const pid = lockedPid(yard.dir)
  const startMb = residentMb(pid)

  const random = (): number => 1 + Math.floor(Math.random() * (SECTORS - ONLINE))
  const online = (turn: number) => ({ Miner: MINER, Number: SECTORS - (turn % ONLINE) })
  let listedBytes = 0
  const works: [string, number, number, (turn: number) => Promise<unknown>][] = [
    ['FindSectorInAllStates, any', 2_000, 8, () => manager.FindSectorInAllStates({ Miner: MINER, Number: random() })],
    ['FindSectorsWithDeal, any', 1_000, 8, () => manager.FindSectorsWithDeal('offline', random())],
    ['Sealyard.ListSectors, 100 from anywhere', 200, 4, () => own.ListSectors(ANY_SECTOR, `${MINER}-${random()}`, 100)],
    [
      'Sealyard.ListSectors, 100 of a worker',
      200,
      4,
      turn => own.ListSectors({ ...ANY_SECTOR, Worker: `worker-${turn % 100}` }, `${MINER}-${random()}`, 100),
    ],
    // As text: to read it is the client's work, and takes ours longer than the manager to send it.
    ['ListSectors online, all', 20, 1, () => api.call('Venus.ListSectors', ['online', 0])],
    ['the same, read into records by our client', 20, 1, () => manager.ListSectors('online', 0)],
    ['AllocateSector', 500, 8, () => manager.AllocateSector({ AllowedMiners: [], AllowedProofTypes: [] })],
    [
      `ReportState, all ${ONLINE} online`,
      ONLINE,
      32,
      turn =>
        manager.ReportState(online(turn), {
          Worker: { Instance: `worker-${turn % 100}`, Location: '/mnt/seal' },
          StateChange: { Prev: 'PC1Done', Next: 'PC2Done', Event: 'None' },
          Failure: null,
        }),
    ],
    ['/metrics', 5, 1, async () => (await fetch(`${yard.manager.origin}/metrics`)).text()],
    [
      'ListSectors offline, all, read to its end',
      1,
      1,
      async () => {
        const response = await fetch(`${yard.manager.origin}/rpc/v0`, {
          method: 'POST',
          body: JSON.stringify({ id: 1, method: 'Venus.ListSectors', params: ['offline', 0] }),
        })
        for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) listedBytes += chunk.length
      },
    ],
  ]
  const rows: (string | number)[][] = []
  for (const [title, count, callers, one] of works) {
    const { took, elapsedMs, probe: waits } = await measure(probeApi, count, callers, one)
    rows.push([
      title,
      callers,
      (count / (elapsedMs / 1_000)).toFixed(count / elapsedMs > 0.01 ? 0 : 3),
      quantile(took, 0.5),
      quantile(took, 0.99),
      quantile(waits, 0.5),
      quantile(waits, 0.99),
      residentMb(pid),
    ])
  }
  const header = ['call', 'callers', 'per second', 'p50 ms', 'p99 ms', 'others p50 ms', 'others p99 ms', 'RSS MB']
  const text = [
    `start to the first answer: ${startMs.toFixed(0)} ms, RSS then: ${startMb} MB; the whole list: ${(listedBytes / 1e6).toFixed(0)} MB`,
    tableText(header, rows),
    '',
  ].join('\n')
  process.stdout.write(text)
  if (process.env.BENCH_OUT !== undefined) writeFileSync(process.env.BENCH_OUT, text)
  for (const connection of [probe, client, api, probeApi]) await connection.close()
} finally {
  await yard.stop()
}
