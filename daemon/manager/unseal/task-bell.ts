import type { Clock } from '../../kit/clock.js'

/** Another manager on the same database may end a task, which does not ring here. */
const LOOK_MS = 3_000

/** Wakes those who wait for the end of a task: at once when it ends here, at the latest after a while. */
export class TaskBell {
  readonly #waiting = new Set<() => void>()

  ring(): void {
    for (const wake of [...this.#waiting]) wake()
  }

  next(clock: Clock, signal: AbortSignal): Promise<void> {
    const over = new AbortController()
    return new Promise(resolve => {
      const wake = (): void => {
        this.#waiting.delete(wake)
        over.abort(new Error('woken'))
        resolve()
      }
      this.#waiting.add(wake)
      clock.sleep(LOOK_MS, AbortSignal.any([signal, over.signal])).then(wake, wake)
    })
  }
}
