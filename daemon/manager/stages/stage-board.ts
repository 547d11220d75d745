import type { Knex } from 'knex'
import { type SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'
import type { Clock } from '../../kit/clock.js'
import type { StageRepository, StageTask, StageWorker } from './stage-repository.js'
import { removalKey, type Standing, standingOf } from './stage-world.js'

/** What a decision is made by, as it stood at a count of the database. */
export interface BoardView {
  readonly revision: number
  readonly workers: readonly StageWorker[]
  readonly tasks: ReadonlyMap<string, StageTask>
  readonly standing: Standing
}

/** What other managers have brought or ended is seen after so long. What they have taken is seen at once, by the count. */
const READ_AGAIN_MS = 500
/** When more sectors have changed, everything is read. */
const FEW_SECTORS = 100

interface Known {
  revision: number
  readonly readAt: number
  workers: readonly StageWorker[]
  readonly tasks: Map<string, StageTask>
  /** Sector -> its tasks. */
  readonly of: Map<string, readonly StageTask[]>
}

/**
 * All open tasks and workers, kept from claim to claim: what this manager changes is read again sector by sector. It may be behind the database, so what
 * is decided by it only holds at its count ({@link StageRepository.advance}), and for tasks that are as they were seen.
 */
export class StageBoard {
  readonly #rows: StageRepository
  readonly #db: Knex
  readonly #clock: Pick<Clock, 'monotonic'>
  #known: Known | undefined
  /** How often everything was forgotten: what was being read then is not to be relied on. */
  #forgotten = 0
  readonly #changed = new Map<string, SectorID>()
  #removals: ReadonlySet<string> = new Set()
  #removalsKnown = false
  #standing: Standing | undefined

  constructor(rows: StageRepository, db: Knex, clock: Pick<Clock, 'monotonic'>) {
    this.#rows = rows
    this.#db = db
    this.#clock = clock
  }

  /** Tasks of a sector are not as they were. */
  changed(sector: SectorID): void {
    this.#changed.set(sectorName(sector), sector)
  }

  /** What is being removed is not what it was. */
  removalsChanged(): void {
    this.#removalsKnown = false
  }

  /** Nobody knows what is as it was. */
  forget(): void {
    this.#forgotten++
    this.#known = undefined
  }

  /** This manager has taken something; `revision`: the count after it. */
  advanced(revision: number): void {
    if (this.#known === undefined) return
    if (this.#known.revision + 1 === revision) this.#known.revision = revision
    else this.forget()
  }

  reported(worker: StageWorker): void {
    if (this.#known === undefined) return
    const others = this.#known.workers.filter(({ report }) => report.ID !== worker.report.ID)
    this.#known.workers = [worker, ...others]
  }

  /** One at a time. */
  async view(): Promise<BoardView> {
    const isFresh = this.#known !== undefined && this.#clock.monotonic() - this.#known.readAt < READ_AGAIN_MS
    if (!isFresh || this.#changed.size > FEW_SECTORS) await this.#readAll()
    else for (const sector of this.#changed.values()) await this.#readSector(sector)
    const known = this.#known ?? (await this.#readAll())
    if (!this.#removalsKnown) await this.#readRemovals()
    this.#standing ??= standingOf([...known.tasks.values()], this.#removals)
    return { revision: known.revision, workers: known.workers, tasks: known.tasks, standing: this.#standing }
  }

  async #readAll(): Promise<Known> {
    const [readAt, forgotten] = [this.#clock.monotonic(), this.#forgotten]
    this.#changed.clear()
    this.#removalsKnown = false
    // The count first: what is taken after it is in the rows, or not, and the count is not good any more.
    const revision = await this.#rows.revision(this.#db)
    const [workers, tasks] = await Promise.all([this.#rows.workers(this.#db), this.#rows.openTasks(this.#db)])
    const known: Known = { revision, readAt, workers, tasks: new Map(), of: new Map() }
    for (const task of tasks) put(known, task)
    this.#standing = undefined
    if (forgotten === this.#forgotten) this.#known = known
    return known
  }

  async #readSector(sector: SectorID): Promise<void> {
    const [name, known] = [sectorName(sector), this.#known]
    this.#changed.delete(name)
    const found = await this.#rows.openTasksOf(sector, this.#db)
    if (known === undefined) return
    for (const { id } of known.of.get(name) ?? []) known.tasks.delete(id)
    known.of.delete(name)
    for (const task of found) put(known, task)
    this.#standing = undefined
  }

  async #readRemovals(): Promise<void> {
    this.#removalsKnown = true
    const removals = await this.#rows.removals(this.#db)
    this.#removals = new Set(removals.map(({ leftover }) => removalKey(leftover)))
    this.#standing = undefined
  }
}

function put({ tasks, of }: Known, task: StageTask): void {
  const name = sectorName(task.sid)
  tasks.set(task.id, task)
  of.set(name, [...(of.get(name) ?? []), task])
}
