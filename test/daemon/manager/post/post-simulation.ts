import { inTransaction, openDatabase } from '../../../../daemon/kit/database.js'
import { silentLog } from '../../../../daemon/kit/log.js'
import { MessageDesk } from '../../../../daemon/manager/commitment/message-desk.js'
import { MessageRepository } from '../../../../daemon/manager/commitment/message-repository.js'
import { PartitionClaims } from '../../../../daemon/manager/post/partition-claims.js'
import { Poster } from '../../../../daemon/manager/post/poster.js'
import { SubmissionRepository } from '../../../../daemon/manager/post/submission-repository.js'
import { WindowRecords } from '../../../../daemon/manager/post/window-record.js'
import { managerMigrations } from '../../../../migrations/manager/index.js'
import { MinerPoStConfig } from '../../../../rpc-schema/manager/miner-config.js'
import type { WindowRecord } from '../../../../rpc-schema/manager/post-timeline.js'
import { Address } from '../../../../rpc-schema/wire/address.js'
import { type DeadlineConstants, newDeadlineInfo } from '../../../../rpc-schema/wire/deadline.js'
import { SimulatedChain, type SimulatedMiner } from './simulated-chain.js'

export interface SimulationOptions {
  readonly miners: readonly SimulatedMiner[]
  readonly constants: DeadlineConstants
  readonly epochs: number
  readonly seed: number
  readonly dsn?: string
  /** Managers on the same database; default 1. */
  readonly managers?: number
}

export interface SimulationResult {
  readonly windows: number
  /** Partitions that the chain did not have when their window closed. */
  readonly missed: string[]
  readonly wrong: string[]
  readonly judged: Record<string, number>
  readonly proofs: number
  readonly messages: number
  readonly reorgs: number
  readonly outages: number
  readonly restarts: number
  readonly rows: Record<string, number>
}

export const postSettings = (change: Partial<MinerPoStConfig> = {}): MinerPoStConfig => ({
  ...MinerPoStConfig.parse({ Sender: null, Senders: [], GasFeeCap: null, MaxFeeCap: null }),
  Confidence: 10,
  ...change,
})

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A real poster with a real database on a chain with null rounds, reorgs, absences of the node and restarts of the manager. */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const { miners, constants, epochs, seed, dsn = ':memory:', managers = 1 } = options
  const random = seeded(seed)
  const upTo = (most: number): number => 1 + Math.floor(random() * most)
  const db = await openDatabase({ dsn, migrations: managerMigrations })
  const start = constants.WPoStProvingPeriod * 10
  const chain = new SimulatedChain(miners, constants, start)
  const judged: WindowRecord[] = []
  const counts = { proofs: 0, reorgs: 0, outages: 0, restarts: 0 }
  const prover = {
    prove: async ({
      postProof,
      randomness,
      replicas,
    }: {
      postProof: number
      randomness: Uint8Array
      replicas: readonly unknown[]
    }) => {
      counts.proofs += 1
      // Now and then a prover fails.
      if (random() < 0.05) throw new Error('the prover has failed')
      const ProofBytes = new Uint8Array(192 * Math.max(1, Math.ceil(replicas.length / 2)))
      ProofBytes.set(randomness)
      return { proofs: [{ PoStProof: postProof, ProofBytes }], faults: [] }
    },
    close: async () => {},
  }
  const open = async (owner: string) => {
    const messages = new MessageRepository(db)
    const { heads, node, clock, randomness, carrier } = chain
    const desk = new MessageDesk({
      carriers: [carrier],
      carrier: 'mempool',
      heads,
      messages,
      transaction: work => inTransaction(db, work),
      clock,
      log: silentLog,
    })
    const settings = postSettings()
    const poster = new Poster({
      node,
      heads,
      clock,
      randomness,
      facts: {
        info: async () => ({ WindowPoStProofType: 10 }),
        rules: async () => ({ partitionsPerPoSt: 3 }),
      } as never,
      provable: { examine: async () => ({ bad: new Map(), unknown: new Map() }) },
      prover,
      verifier: { verify: async () => true, close: async () => {} },
      sending: { desk, messages, senders: { choose: async () => Address.fromId(1) } as never },
      claims: new PartitionClaims({ db, clock, log: silentLog, owner }),
      submissions: new SubmissionRepository(db),
      records: new WindowRecords(db, clock),
      log: silentLog,
      settings: () => settings,
      miners: () => miners.map(({ id }) => id),
      observer: { judged: record => void judged.push(record) },
    })
    await desk.start()
    return { desk, poster }
  }
  const openAll = () => Promise.all(Array.from({ length: managers }, (_, index) => open(`manager ${index}`)))
  const stopAll = async (): Promise<void> => {
    for (const { poster, desk } of running) {
      await poster.stop()
      await desk.stop()
    }
  }
  let running = await openAll()
  const settle = async (): Promise<void> => {
    for (let round = 0; round < 2; round++) {
      await Promise.all(running.map(({ poster }) => poster.look()))
      await Promise.all(running.map(({ poster }) => poster.idle()))
    }
    for (let turn = 0; turn < 5; turn++) await new Promise(resolve => setImmediate(resolve))
  }
  const due = new Map<string, { miner: SimulatedMiner; open: number; close: number }>()
  const missed: string[] = []
  let windows = 0
  const note = (): void => {
    for (const miner of miners) {
      const { Open, Close, PeriodStart, Index } = chain.deadlineAt(miner, chain.height)
      // The first window may have been open at the start already.
      if (Open > start) due.set(`${miner.id}/${Open}`, { miner, open: Open, close: Close })
      const next = newDeadlineInfo(PeriodStart, Index + 1, chain.height, constants)
      if (next.Close > next.Open) due.set(`${miner.id}/${next.Open}`, { miner, open: next.Open, close: next.Close })
    }
    for (const [name, { miner, open, close }] of due) {
      // So deep that the reorgs of this simulation do not reach it any more.
      if (chain.height < close + 30) continue
      due.delete(name)
      windows += 1
      const proven = chain.proven(miner.id, open)
      if (proven.size < miner.partitions)
        missed.push(`miner ${miner.id}, window ${open}: ${proven.size} of ${miner.partitions} partitions`)
    }
  }
  while (chain.height < start + epochs) {
    const dice = random()
    if (dice < 0.01) {
      counts.outages += 1
      chain.isAway = true
      for (let left = upTo(20); left > 0; left--) {
        chain.produce()
        note()
      }
      await settle()
      chain.isAway = false
    }
    if (dice > 0.99) {
      counts.restarts += 1
      await stopAll()
      running = await openAll()
    }
    if (random() < 0.02) chain.silentPushes = upTo(2)
    chain.produce(random() < 0.1 ? upTo(5) : 1)
    note()
    if (random() < 0.02) {
      counts.reorgs += 1
      chain.tell(chain.reorg(upTo(20)))
    } else chain.tell()
    await settle()
  }
  const rows: Record<string, number> = {}
  for (const table of ['post_submissions', 'post_partitions', 'post_windows', 'chain_messages'])
    rows[table] = Number((await db(table).count({ count: '*' }))[0]!.count)
  await stopAll()
  await db.destroy()
  const outcomes: Record<string, number> = {}
  for (const { Outcome } of judged) outcomes[Outcome] = (outcomes[Outcome] ?? 0) + 1
  return { windows, missed, wrong: chain.wrong, judged: outcomes, messages: chain.pushed, ...counts, rows }
}
