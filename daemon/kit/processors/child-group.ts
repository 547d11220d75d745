import type { Progress } from '../../../rpc-schema/processor/frames.js'
import type { Admission } from './admission.js'
import type { Child } from './child.js'
import { once, type Release, type Slots } from './slots.js'
import type { Urgency } from './urgency.js'

/** What the choice looks at. */
export interface Candidate {
  readonly weight: number | undefined
  readonly freeCapacity: number
}

/**
 * The child that gets the next task, among those that could take it now. With weights: at random, each by its share of their sum;
 * one without a weight counts 1. Without: the one with the most free capacity, of equals the last in file order.
 */
export function choose<C extends Candidate>(
  candidates: readonly C[],
  weighted: boolean,
  random: () => number,
): C | undefined {
  if (!weighted) {
    let best: C | undefined
    for (const candidate of candidates) {
      if (best === undefined || candidate.freeCapacity >= best.freeCapacity) best = candidate
    }
    return best
  }
  const weightOf = (candidate: C): number => candidate.weight ?? 1
  const sum = candidates.reduce((total, candidate) => total + weightOf(candidate), 0)
  let left = random() * sum
  for (const candidate of candidates) {
    left -= weightOf(candidate)
    if (left < 0) return candidate
  }
  return candidates.at(-1)
}

/** A child with everything one task needs, taken. */
export interface ChildGrant {
  readonly child: Child
  readonly name: string
  request(task: unknown, onProgress?: (progress: Progress) => void): Promise<unknown>
  /** Ends the process, with all that is in it. */
  kill(reason: string): void
  release: Release
}

const NOBODY: ReadonlySet<Child> = new Set()

/** The children of one stage. */
export class ChildGroup {
  readonly children: readonly Child[]
  readonly #weighted: boolean
  readonly #admission: Admission
  readonly #random: () => number
  readonly #urgency: Urgency

  constructor(children: readonly Child[], admission: Admission, random: () => number, urgency: Urgency) {
    this.children = children
    this.#weighted = children.some(child => child.config.weight !== undefined)
    this.#admission = admission
    this.#random = random
    this.#urgency = urgency
  }

  /**
   * Waits for a child with a free slot and free locks, and none of `except`. Rejects when no child of the stage can be expected to come back.
   */
  acquire(signal?: AbortSignal, except: ReadonlySet<Child> = NOBODY): Promise<ChildGrant> {
    return this.#admission.acquire(reserved => this.#tryTake(reserved, except), {
      signal,
      urgency: this.#urgency,
      wants: () => this.#nearest(),
    })
  }

  /** What the child needs that lacks least. */
  #nearest(): readonly Slots[] {
    const lacking = (child: Child): number => child.needs.filter(slots => slots.free === 0).length
    const [nearest] = this.children
      // For one that has its hands full the locks are not what is lacking.
      .filter(child => child.state === 'ready' && (child.freeCapacity > 0 || !this.#urgency.isTimeCritical))
      .sort((left, right) => lacking(left) - lacking(right))
    return nearest?.needs ?? []
  }

  #tryTake(reserved: ReadonlySet<Slots>, except: ReadonlySet<Child>): ChildGrant | undefined {
    const free = this.children
      .filter(child => child.free && !except.has(child) && !child.needs.some(slots => reserved.has(slots)))
      .map(child => ({ child, weight: child.config.weight, freeCapacity: child.freeCapacity }))
    const child = choose(free, this.#weighted, this.#random)?.child
    if (child === undefined) {
      const failures = this.children.map(each => each.failure)
      if (failures.every(failure => failure !== undefined)) throw failures.at(-1)
      return undefined
    }
    child.take()
    return {
      child,
      name: child.name,
      request: (task, onProgress) => child.request(task, onProgress),
      kill: reason => child.kill(reason),
      release: once(() => {
        child.giveBack()
        this.#admission.retry()
      }),
    }
  }
}
