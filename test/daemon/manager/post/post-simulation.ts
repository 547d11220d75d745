import type { Knex } from 'knex'
import { inTransaction, openDatabase } from '../../../../daemon/kit/database.js'
import { silentLog } from '../../../../daemon/kit/log.js'
import { Alarms } from '../../../../daemon/manager/alarms/alarms.js'
import { MessageDesk } from '../../../../daemon/manager/commitment/message-desk.js'
import { MessageRepository } from '../../../../daemon/manager/commitment/message-repository.js'
import { Foresight } from '../../../../daemon/manager/post/foresight/foresight.js'
import { RehearsalRepository } from '../../../../daemon/manager/post/foresight/rehearsal-repository.js'
import { PartitionClaims } from '../../../../daemon/manager/post/partition-claims.js'
import { Poster, type PosterObserver } from '../../../../daemon/manager/post/poster.js'
import { SubmissionRepository } from '../../../../daemon/manager/post/submission-repository.js'
import type { WindowProver } from '../../../../daemon/manager/post/window-prover.js'
import { WindowRecords } from '../../../../daemon/manager/post/window-record.js'
import { managerMigrations } from '../../../../migrations/manager/index.js'
import { MinerPoStConfig } from '../../../../rpc-schema/manager/miner-config.js'
import type { PostRehearsal } from '../../../../rpc-schema/manager/post-rehearsal.js'
import type { WindowRecord } from '../../../../rpc-schema/manager/post-timeline.js'
import { Address } from '../../../../rpc-schema/wire/address.js'
import { type DeadlineConstants, newDeadlineInfo } from '../../../../rpc-schema/wire/deadline.js'
import { seeded } from '../../../harness/seeded.js'
import { SimulatedChain, type SimulatedMiner } from './simulated-chain.js'
import { SimulatedStorage } from './simulated-storage.js'

export interface SimulationOptions {
  readonly miners: readonly SimulatedMiner[]
  readonly constants: DeadlineConstants
  readonly epochs: number
  readonly seed: number
  readonly dsn?: string
  /** Managers on the same database; default 1. */
  readonly managers?: number
  /** Only what is imposed happens; default: everything that chance can do. */
  readonly calm?: boolean
  /** Called before each epoch, counted from the beginning: what is to be from now on. */
  impose?(epoch: number, chain: SimulatedChain, storage: SimulatedStorage): void
  /** Told what the managers tell. */
  readonly observer?: PosterObserver & { rehearsed?(record: PostRehearsal): void }
  /** Called after each epoch: the time, and the head that the managers know. */
  onEpoch?(ms: number, head: number): Promise<void> | void
  /** Called at the end of each day, with what has come of it until then. */
  onDay?(day: number, soFar: Pick<SimulationResult, 'windows' | 'missed' | 'beyond' | 'wrong' | 'rows'>): void
  /** Stores may hang for a while; default: they may. */
  readonly hangs?: boolean
  /** Who makes the proofs, instead of a prover that is told what it takes. */
  prover?(chain: SimulatedChain): WindowProver
  /** Where proofs are kept, instead of the plain repository. */
  submissions?(db: Knex): SubmissionRepository
}

export interface SimulationResult {
  readonly windows: number
  /** Partitions that the chain did not have when their window closed. */
  readonly missed: string[]
  readonly wrong: string[]
  readonly judged: Record<string, number>
  /** Windows that were missed without anybody's fault: the node was away, or stores slow, for too much of them. */
  readonly beyond: string[]
  readonly proofs: number
  /** Proofs that were made again although they had been made. */
  readonly wasted: number
  readonly failures: number
  readonly slowPhases: number
  readonly messages: number
  readonly reorgs: number
  readonly outages: number
  readonly restarts: number
  readonly rows: Record<string, number>
}

/** Trials do not look at it. */
const PLACE = { sealedStore: { name: 'persist' }, cacheStore: { name: 'persist' } } as never

const DAY = 2_880
/** Turns of the event loop in which nothing is asked: then everything waits. */
const QUIET_TURNS = 6
/** Epochs between the beginning of the proofs and the opening of their window. */
const LOOKBACK_LEFT = 10
/** A batch may be looked at, read and proven while stores are slow, fail once, and land. */
const MOST_EPOCHS_OF_A_BATCH = 20

export const postSettings = (change: Partial<MinerPoStConfig> = {}): MinerPoStConfig => ({
  ...MinerPoStConfig.parse({ Sender: null, Senders: [], GasFeeCap: null, MaxFeeCap: null }),
  Confidence: 10,
  ...change,
})

/** A real poster with a real database on a chain with null rounds, reorgs, absences of the node and restarts of the manager. */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const { miners, constants, epochs, seed, dsn = ':memory:', managers = 1, calm = false, observer = {} } = options
  const random = seeded(seed)
  const upTo = (most: number): number => 1 + Math.floor(random() * most)
  const db = await openDatabase({ dsn, migrations: managerMigrations })
  const start = constants.WPoStProvingPeriod * 10
  const chain = new SimulatedChain(miners, constants, start)
  const judged: WindowRecord[] = []
  const counts = { reorgs: 0, outages: 0, restarts: 0 }
  const storage = new SimulatedStorage(chain, random, options.hangs ?? true)
  const open = async (owner: string) => {
    const messages = new MessageRepository(db)
    const { heads, node, clock, randomness, carrier } = chain
    const alarms = new Alarms(clock)
    const desk = new MessageDesk({
      carriers: [carrier],
      carrier: 'mempool',
      heads,
      messages,
      transaction: work => inTransaction(db, work),
      shared: managers > 1,
      alarms,
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
      provable: storage.provable as never,
      prover: options.prover?.(chain) ?? storage.prover,
      verifier: { verify: async () => true, close: async () => {} },
      sending: { desk, messages, alarms, senders: { choose: async () => Address.fromId(1) } as never },
      claims: new PartitionClaims({ db, clock, log: silentLog, owner }),
      submissions: options.submissions?.(db) ?? new SubmissionRepository(db),
      records: new WindowRecords(db, clock),
      log: silentLog,
      settings: () => settings,
      miners: () => miners.map(({ id }) => id),
      observer: {
        ...observer,
        judged: record => {
          judged.push(record)
          observer.judged?.(record)
        },
      },
      foresight: new Foresight({
        node,
        heads,
        clock,
        facts: { info: async () => ({ WindowPoStProofType: 10 }) as never },
        places: { find: async () => PLACE },
        reads: storage.trialReads,
        repository: new RehearsalRepository(db),
        alarms,
        limits: { SingleCheckTimeout: 60_000, Rehearsal: { SectorsPerPartition: 4, KeepFor: 7 * 24 * 3_600_000 } },
        settings: () => settings,
        rehearsed: record => observer.rehearsed?.(record),
        log: silentLog,
        random,
      }),
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
  let queries = 0
  db.on('query-response', () => {
    queries += 1
  })
  /** Until nothing goes on any more but what waits for time to pass. */
  const quiet = async (): Promise<void> => {
    for (let turns = 0, seen = -1; turns < QUIET_TURNS; turns++) {
      const now = chain.activity + queries
      if (now !== seen) turns = 0
      seen = now
      await new Promise(resolve => setImmediate(resolve))
    }
  }
  const settle = async (): Promise<void> => {
    await Promise.all(running.map(({ poster }) => poster.look()))
    await quiet()
  }
  const due = new Map<string, { miner: SimulatedMiner; open: number; close: number }>()
  const missed: string[] = []
  const beyond: string[] = []
  let windows = 0
  /** Epochs at which the node was away, or that had no block. */
  const lostEpochs: number[] = []
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
      if (proven.size === miner.partitions) continue
      const lost = lostEpochs.filter(epoch => epoch > open - LOOKBACK_LEFT && epoch < close).length
      const text = `miner ${miner.id}, window ${open}: ${proven.size} of ${miner.partitions} partitions, ${lost} epochs were lost`
      if (close - open + LOOKBACK_LEFT - lost < Math.ceil(miner.partitions / 3) * MOST_EPOCHS_OF_A_BATCH)
        beyond.push(text)
      else missed.push(text)
    }
  }
  const produce = async (apart: number): Promise<void> => {
    for (let skipped = 1; skipped < apart; skipped++) {
      lostEpochs.push(chain.height + skipped)
      chain.pass(chain.height + skipped)
      await quiet()
    }
    chain.produce(apart)
    storage.turn()
    note()
  }
  const chance = (): number => (calm ? 0.5 : random())
  for (let day = 0; chain.height < start + epochs; ) {
    const dice = chance()
    options.impose?.(chain.height - start, chain, storage)
    if (dice < 0.01) {
      counts.outages += 1
      chain.isAway = true
      for (let left = upTo(20); left > 0; left--) {
        await produce(1)
        lostEpochs.push(chain.height)
        await settle()
      }
      chain.isAway = false
    }
    if (dice > 0.99) {
      counts.restarts += 1
      await stopAll()
      running = await openAll()
    }
    if (chance() < 0.02) chain.silentPushes = upTo(2)
    await produce(chance() < 0.1 ? upTo(5) : 1)
    if (chain.isAway) lostEpochs.push(chain.height)
    else if (chance() < 0.02) {
      counts.reorgs += 1
      chain.tell(chain.reorg(upTo(20)))
    } else chain.tell()
    await settle()
    await options.onEpoch?.(chain.clock.now(), chain.heads.last!.Height)
    if (chain.height >= start + (day + 1) * DAY) {
      day += 1
      lostEpochs.splice(0, Math.max(0, lostEpochs.length - DAY))
      options.onDay?.(day, { windows, missed, beyond, wrong: chain.wrong, rows: await rowsOf(db) })
    }
  }
  const rows = await rowsOf(db)
  await stopAll()
  await db.destroy()
  const outcomes: Record<string, number> = {}
  for (const { Outcome } of judged) outcomes[Outcome] = (outcomes[Outcome] ?? 0) + 1
  const { proofs, failures, slowPhases, made } = storage
  const wasted = [...made.values()].reduce((sum, times) => sum + times - 1, 0)
  const found = { windows, missed, beyond, wrong: chain.wrong, judged: outcomes, messages: chain.pushed, rows }
  return { ...found, ...counts, proofs, failures, slowPhases, wasted }
}

const TABLES = [
  'post_submissions',
  'post_partitions',
  'post_claims',
  'post_windows',
  'post_rehearsals',
  'chain_messages',
] as const

async function rowsOf(db: Knex): Promise<Record<string, number>> {
  const rows: Record<string, number> = {}
  for (const table of TABLES) rows[table] = Number((await db(table).count({ count: '*' }))[0]!.count)
  return rows
}
