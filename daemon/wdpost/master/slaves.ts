import type { Clock } from '../../kit/clock.js'

/** A slave that has not asked for so long is not counted on. */
const PRESENT_MS = 60_000
/** One that has been silent for so long is not spoken of any more. */
const FORGOTTEN_MS = 3_600_000

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
    return [...this.silences()].filter(([, ms]) => ms <= PRESENT_MS).map(([slave]) => slave)
  }

  /** For how long each was not heard of, ms. */
  silences(): Map<string, number> {
    const now = this.#clock.monotonic()
    for (const [slave, at] of this.#heard) if (now - at > FORGOTTEN_MS) this.#heard.delete(slave)
    return new Map([...this.#heard].map(([slave, at]) => [slave, now - at]))
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
