import type { Knex } from 'knex'
import type { StageLeftover } from '../../../rpc-schema/manager/stages.js'
import type { Clock } from '../../kit/clock.js'
import { GroupCommit } from '../../kit/group-commit.js'
import type { Logger } from '../../kit/log.js'
import { LeaseWatch } from '../../kit/queue/lease-watch.js'
import type { StageBoard } from './stage-board.js'
import type { StageRepository } from './stage-repository.js'
import { HEARD_MS, ownerOf, removalKey, workerOf } from './stage-world.js'

export interface StageRemovalsParts {
  readonly db: Knex
  readonly clock: Clock
  readonly log: Logger
  readonly rows: StageRepository
  readonly board: StageBoard
}

/** Leftovers told to a worker at a time. */
const AT_ONCE = 100

/**
 * Files that nobody needs any more are removed by one process of a worker at a time, which asks right before. From then on the sector is not given to anybody
 * on that path, until the files are gone or whoever was at it is: a path may have several workers, and the sector may come back to it.
 */
export class StageRemovals {
  readonly #parts: StageRemovalsParts
  readonly #silent: LeaseWatch
  /** Worker -> its process that has reported last. */
  readonly #boots = new Map<string, string>()

  constructor(parts: StageRemovalsParts) {
    this.#parts = parts
    this.#silent = new LeaseWatch(parts.clock)
  }

  /** What a process of a worker is to remove. What its last process was at is over. */
  async wantedOf(worker: string, boot: string, paths: readonly string[]): Promise<StageLeftover[]> {
    const { db, rows } = this.#parts
    if (this.#boots.get(worker) !== boot) {
      const removals = await rows.removals(db)
      await this.#free(
        removals.map(each => each.remover).filter(of => workerOf(of) === worker && of !== ownerOf(worker, boot)),
      )
      this.#boots.set(worker, boot)
    }
    return rows.leftovers(paths, ownerOf(worker, boot), AT_ONCE, db)
  }

  /** False when the files are needed, gone, or somebody else is at it. */
  async begin(worker: string, boot: string, leftover: StageLeftover): Promise<boolean> {
    const { db, rows, board } = this.#parts
    const isTaken = await GroupCommit.of(db).run(trx => rows.takeLeftover(leftover, ownerOf(worker, boot), trx))
    board.removalsChanged()
    return isTaken
  }

  async ended(leftover: StageLeftover): Promise<void> {
    const { db, rows, board } = this.#parts
    await rows.removeLeftover(leftover, db)
    board.removalsChanged()
  }

  /** Others may remove what silent workers were removing. */
  async sweep(): Promise<void> {
    const { db, rows, log } = this.#parts
    const removals = await rows.removals(db)
    if (removals.length === 0) return
    const seenAt = new Map((await rows.workers(db)).map(({ report, seenAt }) => [report.ID, seenAt]))
    const watched = removals.map(({ leftover, remover }) => ({
      id: `${removalKey(leftover)} by ${remover}`,
      fence: 0,
      leaseUntil: seenAt.get(workerOf(remover)) ?? 0,
      remover,
    }))
    const silent = this.#silent.over(watched, HEARD_MS)
    for (const { id } of silent) log.warn({ removal: id }, 'nothing is heard of the worker of this removal')
    await this.#free(silent.map(({ remover }) => remover))
  }

  async #free(removers: readonly string[]): Promise<void> {
    const { db, rows, board } = this.#parts
    for (const remover of new Set(removers)) await rows.freeLeftovers(remover, db)
    if (removers.length > 0) board.removalsChanged()
  }
}
