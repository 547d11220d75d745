import { Slots } from '../../../kit/concurrency/slots.js'

export interface StoreSlotsLimits {
  readonly all: number
  /** Of one store, over all jobs: one that hangs does not take what others need. */
  readonly store: number
}

/** So many reads at the same time, and fewer of one store. */
export class StoreSlots {
  readonly #limits: StoreSlotsLimits
  readonly #all: Slots
  readonly #stores = new Map<string, Slots>()

  constructor(limits: StoreSlotsLimits) {
    this.#limits = limits
    this.#all = new Slots(limits.all)
  }

  /** Rejects with what `refusal` gives when no slot is free within `waitMs`; the work is not done then. */
  run<T>(store: string, work: () => Promise<T>, waitMs: number, refusal: () => Error): Promise<T> {
    const otherwise = (): never => {
      throw refusal()
    }
    const own = this.#stores.get(store) ?? new Slots(this.#limits.store)
    this.#stores.set(store, own)
    return own.run(() => this.#all.run(work, waitMs, otherwise), waitMs, otherwise)
  }
}
