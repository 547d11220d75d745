import type { StageLeftover } from '../../../rpc-schema/manager/stages.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import { type SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'
import type { Logger } from '../../kit/log.js'

export interface RemovalsParts {
  remove(leftover: StageLeftover): Promise<void>
  /** Whether something still works on files of the sector: what it would write anew is not to be left behind. */
  isBusy(sector: SectorID): boolean
  readonly log: Logger
}

/**
 * Removes files that are not needed any more, one sector after another, beside everything else: a slow disk is not to keep the worker from telling
 * the manager that it is there.
 */
export class Removals {
  readonly #parts: RemovalsParts
  #wanted: readonly StageLeftover[] = []
  #underWay: { readonly leftover: StageLeftover; readonly over: Promise<void> } | undefined
  /** Those that have ended since the manager was asked. */
  readonly #ended = new Set<string>()
  #stopped = false

  constructor(parts: RemovalsParts) {
    this.#parts = parts
  }

  /** The manager is being asked: its answer may not know of what ends from now on, and a sector may be at such a place anew. */
  asking(): void {
    this.#ended.clear()
  }

  /** The manager's answer: what is to be removed. Of what it said before only that goes on which has begun. */
  want(leftovers: readonly StageLeftover[]): void {
    const underWay = this.#underWay && keyOf(this.#underWay.leftover)
    this.#wanted = leftovers.filter(each => !this.#ended.has(keyOf(each)) && keyOf(each) !== underWay)
    if (this.#underWay === undefined) this.#next()
  }

  /** The sector's files may be needed again: nothing of it is removed until it is wanted anew. Resolves when the removal of it that is under way has ended; undefined when none is. */
  spare(sector: SectorID): Promise<void> | undefined {
    const isOther = ({ Sector }: StageLeftover): boolean => sectorName(Sector) !== sectorName(sector)
    this.#wanted = this.#wanted.filter(isOther)
    return this.#underWay === undefined || isOther(this.#underWay.leftover) ? undefined : this.#underWay.over
  }

  /** Resolves when the one that is under way has ended; no other is begun. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#underWay?.over
  }

  #next(): void {
    this.#underWay = undefined
    const next = this.#stopped ? undefined : this.#wanted.find(({ Sector }) => !this.#parts.isBusy(Sector))
    if (next === undefined) return
    this.#wanted = this.#wanted.filter(leftover => leftover !== next)
    this.#underWay = { leftover: next, over: this.#remove(next).then(() => this.#next()) }
  }

  async #remove(leftover: StageLeftover): Promise<void> {
    const { remove, log } = this.#parts
    try {
      await remove(leftover)
      this.#ended.add(keyOf(leftover))
    } catch (error) {
      log.warn({ err: error, path: leftover.Path }, `files not removed: ${errorText(error)}; tried again`)
    }
  }
}

const keyOf = ({ Path, Sector }: StageLeftover): string => `${sectorName(Sector)} on ${Path}`
