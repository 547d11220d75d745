import type { Knex } from 'knex'
import type { Clock } from '../../../../daemon/kit/clock.js'
import { openDatabase } from '../../../../daemon/kit/database.js'
import { GroupCommit } from '../../../../daemon/kit/group-commit.js'
import { silentLog } from '../../../../daemon/kit/log.js'
import type { AlongWithNumber } from '../../../../daemon/manager/allocation/number-allocator.js'
import { StageDesk } from '../../../../daemon/manager/stages/stage-desk.js'
import { StageView } from '../../../../daemon/manager/stages/stage-view.js'
import { managerMigrations } from '../../../../migrations/manager/index.js'
import type { AllocatedSector } from '../../../../rpc-schema/manager/allocation.js'
import type { StageGrant, StageWorkerReport } from '../../../../rpc-schema/manager/stages.js'
import type { SectorStateName } from '../../../../rpc-schema/worker/sector-states.js'

const GIB = 1024 ** 3
const SWEEP_MS = 5_000

/** A desk on a database of its own, with a clock that the test turns and as many sectors to begin as it says. */
export class DeskUnderTest {
  readonly desk: StageDesk
  readonly view: StageView
  readonly db: Knex
  at = 1_000_000
  /** By how much the clock of the machine was put forward. */
  putForward = 0
  /** Where a window is being proven. */
  postingOn: string | undefined
  sectorsToBegin = 0
  /** Where new sectors come from. */
  newSector = async (): Promise<AllocatedSector> => ({
    ID: { Miner: 1000, Number: ++this.#numbers.last },
    ProofType: 5,
  })
  readonly #numbers = { last: 0 }

  private constructor(db: Knex) {
    this.db = db
    this.desk = this.manager()
    this.view = new StageView(this.desk)
  }

  /** The desk of another manager on the same database, whose clock is so far ahead. */
  manager(aheadMs = 0): StageDesk {
    const clock: Clock = {
      now: () => this.at + this.putForward + aheadMs,
      monotonic: () => this.at,
      sleep: () => new Promise(() => {}),
    }
    return new StageDesk({
      db: this.db,
      clock,
      log: silentLog,
      postingOn: () => this.postingOn,
      allocation: { allocate: (_, along) => this.#allocate(along) },
    })
  }

  /** Time passes, and a manager looks after its workers as it does. */
  async pass(ms: number, desk = this.desk): Promise<void> {
    for (const end = this.at + ms; this.at < end; ) {
      this.at = Math.min(end, this.at + SWEEP_MS)
      await desk.sweep()
    }
  }

  static async open(dsn: string): Promise<DeskUnderTest> {
    return new DeskUnderTest(await openDatabase({ dsn, migrations: managerMigrations }))
  }

  async #allocate(along?: AlongWithNumber): Promise<AllocatedSector | null> {
    if (this.sectorsToBegin === 0) return null
    const sector = await this.newSector()
    this.sectorsToBegin--
    await GroupCommit.of(this.db).run(trx => along!(sector, trx))
    return sector
  }

  report(name: string, more: Partial<StageWorkerReport> = {}) {
    return this.desk.report({
      ID: name,
      Boot: 'first',
      Name: name,
      Version: '',
      Machine: `machine of ${name}`,
      Kinds: ['AP', 'PC1', 'PC2', 'WAIT', 'C1', 'C2', 'FINALIZE'],
      Quiet: false,
      SectorSizes: [],
      Paths: [{ ID: `path-${name}`, Location: `/${name}`, CanSeal: true, CanStore: true, FreeBytes: 1024 * GIB }],
      MemoryBytes: 64 * GIB,
      Cores: 8,
      GPUs: [],
      Posting: false,
      FetchLimit: 10,
      TasksAtOnce: 100,
      Url: `http://${name}`,
      Token: 'secret',
      Claims: [],
      ...more,
    })
  }

  claim(name: string, boot = 'first'): Promise<StageGrant | null> {
    return this.desk.claim(name, boot)
  }

  next({ Claim }: StageGrant, state: SectorStateName, record = '{}'): Promise<boolean> {
    return this.desk.finish(Claim, { End: 'next', State: state, Record: record })
  }
}
