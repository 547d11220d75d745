/** So many pieces of work run at the same time; the others wait in their order. */
export class Slots {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(slots: number) {
    this.#free = slots
  }

  /** What `otherwise` answers when no slot is free within `waitMs`; the work is not done then. */
  async run<T>(work: () => Promise<T>, waitMs: number, otherwise: () => T): Promise<T> {
    if (!(await this.#taken(waitMs))) return otherwise()
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free++
      else next()
    }
  }

  #taken(waitMs: number): boolean | Promise<boolean> {
    if (this.#free > 0) {
      this.#free--
      return true
    }
    return new Promise(resolve => {
      const take = (): void => {
        clearTimeout(timer)
        resolve(true)
      }
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(take), 1)
        resolve(false)
      }, waitMs)
      this.#waiting.push(take)
    })
  }
}
