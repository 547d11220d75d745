/** Gives back what was taken. Calling it again does nothing. */
export type Release = () => void

/** A counted resource: the concurrency of a stage or of a child, or an ext lock. Nobody waits here; `Admission` does that. */
export class Slots {
  readonly capacity: number
  #taken = 0

  constructor(capacity: number) {
    this.capacity = capacity
  }

  get taken(): number {
    return this.#taken
  }

  get free(): number {
    return Math.max(0, this.capacity - this.#taken)
  }

  take(): void {
    this.#taken += 1
  }

  giveBack(): void {
    this.#taken -= 1
  }
}

/** Takes one of each, or nothing. */
export function takeAll(slots: readonly Slots[]): boolean {
  if (slots.some(slot => slot.free === 0)) return false
  for (const slot of slots) slot.take()
  return true
}

/** A release that acts once. */
export function once(release: Release): Release {
  let done = false
  return () => {
    if (done) return
    done = true
    release()
  }
}
