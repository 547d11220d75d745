import type { Clock } from '../../kit/clock.js'

/** A slave that has not asked for so long is not counted on. */
const PRESENT_MS = 60_000

/** Who has been heard of, and who is not to get a task again that it has failed at. */
export class Slaves {
  readonly #clock: Clock
  readonly #heard = new Map<string, number>()
  /** Task id to the slaves that could not do it, or whose output was of no use. */
  readonly #failed = new Map<string, Set<string>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  heard(slave: string): void {
    this.#heard.set(slave, this.#clock.monotonic())
  }

  failed(slave: string, id: string): void {
    const slaves = this.#failed.get(id) ?? new Set()
    this.#failed.set(id, slaves.add(slave))
  }

  forget(id: string): void {
    this.#failed.delete(id)
  }

  get present(): string[] {
    const since = this.#clock.monotonic() - PRESENT_MS
    for (const [slave, at] of this.#heard) if (at < since) this.#heard.delete(slave)
    return [...this.#heard.keys()]
  }

  /** Whether somebody else is there who has not failed at the task. */
  hasAnother(slave: string, id: string): boolean {
    const failed = this.#failed.get(id)
    return this.present.some(other => other !== slave && failed?.has(other) !== true)
  }

  /** One that has failed at a task gets it again only when there is nobody else. */
  mayTake(slave: string, id: string): boolean {
    const failed = this.#failed.get(id)
    return failed === undefined || !failed.has(slave) || this.present.every(other => failed.has(other))
  }
}
