import type { Processors, StageRun } from '../processors/processors.js'

/**
 * Stages that nobody waits for any more and that cannot be recalled: a native call goes on to its end, on the files of its sector. Nothing else is to
 * touch these until then.
 */
export class WorkLeft {
  readonly #left = new Map<string, Set<Promise<void>>>()

  has(sector: string): boolean {
    return this.#left.has(sector)
  }

  /** Resolves when what is left of the sector now has ended; undefined when nothing is. */
  over(sector: string): Promise<unknown> | undefined {
    const left = this.#left.get(sector)
    return left && Promise.all(left)
  }

  /** The same processors; what is left of their work is known here. */
  watching(processors: Processors): Processors {
    return {
      run: (stage, task, run = {}) => processors.run(stage, task, { ...run, onWork: work => this.#watch(work, run) }),
      acquire: (stage, signal) => processors.acquire(stage, signal),
      ready: () => processors.ready(),
      close: () => processors.close(),
    }
  }

  #watch(work: Promise<unknown>, { sector, signal, onWork }: StageRun): void {
    onWork?.(work)
    if (sector === undefined || signal === undefined) return
    const ended = work.then(
      () => {},
      () => {},
    )
    const leave = (): void => this.#leave(sector, ended)
    if (signal.aborted) leave()
    else signal.addEventListener('abort', leave, { once: true })
    void ended.then(() => signal.removeEventListener('abort', leave))
  }

  #leave(sector: string, ended: Promise<void>): void {
    const left = this.#left.get(sector) ?? new Set()
    this.#left.set(sector, left.add(ended))
    void ended.then(() => {
      left.delete(ended)
      if (left.size === 0) this.#left.delete(sector)
    })
  }
}
