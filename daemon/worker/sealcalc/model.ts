/** How long a stage takes and how many sectors may be in it at once. */
export interface StageCapacity {
  readonly minutes: number
  readonly concurrent: number
}

export interface SealingLine {
  readonly treeD: StageCapacity
  readonly pc1: StageCapacity
  readonly pc2: StageCapacity
  readonly c2: StageCapacity
  /** Sectors wait for their seed so long, any number at once. */
  readonly seedMinutes: number
  readonly sealingThreads: number
}

/** How many sectors are where at one minute. */
export interface LineSnapshot {
  readonly minute: number
  readonly sealing: number
  readonly treeD: number
  readonly pc1: number
  readonly pc2: number
  readonly waitSeed: number
  readonly c2: number
  readonly finished: number
}

/** A stage with those at work in it, by the minute they began. */
class Stage {
  readonly #minutes: number
  readonly #concurrent: number
  readonly #started: { minute: number; count: number }[] = []
  running = 0
  /** Sectors that wait to be taken in. */
  pending = 0

  constructor({ minutes, concurrent }: StageCapacity) {
    this.#minutes = minutes
    this.#concurrent = concurrent
  }

  /** Ends what began `minutes` ago, then takes in what there is room for. Gives how many ended. */
  step(minute: number): number {
    let ended = 0
    while (this.#started[0] !== undefined && this.#started[0].minute + this.#minutes <= minute) {
      ended += this.#started.shift()!.count
    }
    this.running -= ended
    const count = Math.min(this.#concurrent - this.running, this.pending)
    if (count > 0) {
      this.#started.push({ minute, count })
      this.running += count
      this.pending -= count
    }
    return ended
  }
}

/** Runs a line of sealing threads minute by minute from empty; a snapshot every `everyMinutes`. */
export function* simulate(line: SealingLine, days: number, everyMinutes: number): Generator<LineSnapshot> {
  const treeD = new Stage(line.treeD)
  const pc1 = new Stage(line.pc1)
  const pc2 = new Stage(line.pc2)
  const seed = new Stage({ minutes: line.seedMinutes, concurrent: Number.POSITIVE_INFINITY })
  const c2 = new Stage(line.c2)
  treeD.pending = line.sealingThreads
  let free = line.sealingThreads
  let finished = 0
  for (let minute = 0; minute < days * 24 * 60; minute++) {
    const running = treeD.running
    const treesDone = treeD.step(minute)
    free -= treeD.running - running + treesDone
    pc1.pending += treesDone
    pc2.pending += pc1.step(minute)
    seed.pending += pc2.step(minute)
    c2.pending += seed.step(minute)
    const done = c2.step(minute)
    finished += done
    free += done
    treeD.pending = free
    if (minute % everyMinutes !== 0) continue
    yield {
      minute,
      sealing: line.sealingThreads - free,
      treeD: treeD.running,
      pc1: pc1.running,
      pc2: pc2.running,
      waitSeed: seed.running,
      c2: c2.running,
      finished,
    }
  }
}
