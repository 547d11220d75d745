import type { Knex } from 'knex'
import { openDatabase } from '../../../daemon/kit/database.js'
import { silentLog } from '../../../daemon/kit/log.js'
import { SectorBook } from '../../../daemon/manager/sectors/sector-book.js'
import { WorkerRegistry } from '../../../daemon/manager/workers/worker-registry.js'
import { managerMigrations } from '../../../migrations/manager/index.js'
import type { SectorOnChainInfo } from '../../../rpc-schema/chain/sectors.js'
import type { SectorState } from '../../../rpc-schema/manager/sector-state.js'
import { commRToCid } from '../../../rpc-schema/wire/cid.js'
import { COMM_R, sealedRecord } from './commitment/stub-chain.js'

/** A clock that stands still until it is told. Its pauses end when time is moved past them. */
export class HandClock {
  #now = 1_700_000_000_000
  readonly #sleepers = new Set<{ until: number; wake: () => void }>()

  /** By how much somebody has set the clock; time itself goes on as it did. */
  setBy = 0

  now = (): number => this.#now + this.setBy
  monotonic = (): number => this.#now

  sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      const sleeper = { until: this.#now + ms, wake: resolve }
      this.#sleepers.add(sleeper)
      signal?.addEventListener('abort', () => {
        this.#sleepers.delete(sleeper)
        reject(signal.reason)
      })
    })

  /** How many pauses are being made. */
  get sleeping(): number {
    return this.#sleepers.size
  }

  advance(ms: number): void {
    this.#now += ms
    for (const sleeper of [...this.#sleepers]) {
      if (sleeper.until > this.#now) continue
      this.#sleepers.delete(sleeper)
      sleeper.wake()
    }
  }
}

/** A sector as the chain has it: sealed as {@link sealedRecord} says, without data. */
export const onChainSector = (change: Partial<SectorOnChainInfo> = {}): SectorOnChainInfo => ({
  SectorNumber: 3,
  SealProof: 5,
  SealedCID: commRToCid(COMM_R),
  Activation: 7_000,
  Expiration: 2_000_000,
  DealWeight: 0n,
  VerifiedDealWeight: 0n,
  InitialPledge: 100n,
  ExpectedDayReward: null,
  ExpectedStoragePledge: null,
  PowerBaseEpoch: 7_000,
  ReplacedDayReward: null,
  SectorKeyCID: null,
  Flags: 0,
  DailyFee: 0n,
  ...change,
})

/** The database of a manager with records in it. */
export class Records {
  readonly clock = new HandClock()
  readonly db: Knex
  readonly book: SectorBook
  readonly workers: WorkerRegistry

  private constructor(db: Knex) {
    this.db = db
    this.book = new SectorBook(db, this.clock)
    this.workers = new WorkerRegistry(db, this.clock, silentLog)
  }

  static async open(dsn: string): Promise<Records> {
    return new Records(await openDatabase({ dsn, migrations: managerMigrations }))
  }

  /** A finished sector. */
  async finished(number: number, change: Partial<SectorState> = {}): Promise<SectorState> {
    const record = { ...sealedRecord(change), ID: { Miner: 1000, Number: number } }
    await this.book.transaction(trx =>
      this.book.create(record.ID, record.SectorType, { actor: 'test', event: 'made' }, trx),
    )
    return this.book.finalize(record.ID, { actor: 'test', event: 'finished' }, online => {
      Object.assign(online, record)
      return true
    })
  }

  ping(Name: string): void {
    const Summary = { Threads: 0, Empty: 0, Paused: 0, Running: 0, Waiting: 0, Errors: 0 }
    this.workers.ping({ Name, Dest: '127.0.0.1:1', Version: '', Summary })
  }

  async events(number: number): Promise<string[]> {
    return (await this.book.history({ Miner: 1000, Number: number })).map(({ event }) => event)
  }
}
