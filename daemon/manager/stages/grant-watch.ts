import type { StageClaim } from '../../../rpc-schema/manager/stages.js'
import type { Clock } from '../../kit/clock.js'

/** A grant may still be on its way to a worker that does not tell of it. */
const GRANT_ON_ITS_WAY_MS = 30_000

interface Known {
  readonly fence: number
  /** By the steady clock: when it was granted, or seen first; undefined once its owner has told of it. */
  readonly since: number | undefined
}

/** Which claims are only known to the manager: their grants are on their way to their owners, or were lost. */
export class GrantWatch {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #owners = new Map<string, Map<string, Known>>()

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  granted(owner: string, { Task, Fence }: StageClaim): void {
    this.#of(owner).set(Task, { fence: Fence, since: this.#clock.monotonic() })
  }

  /** Of what an owner has, the claims whose grants were lost, or which it is through with and could not say so. `told`: what it tells of. */
  lost(owner: string, held: readonly StageClaim[], told: readonly StageClaim[]): StageClaim[] {
    const before = this.#of(owner)
    const now = this.#clock.monotonic()
    const after = new Map<string, Known>()
    const lost = held.filter(({ Task, Fence }) => {
      const isTold = told.some(claim => claim.Task === Task && claim.Fence === Fence)
      const known = before.get(Task)
      const since = known?.fence === Fence ? known.since : now
      after.set(Task, { fence: Fence, since: isTold ? undefined : since })
      return !isTold && (since === undefined || now - since >= GRANT_ON_ITS_WAY_MS)
    })
    // Granted while what it holds was being read.
    for (const [task, known] of before)
      if (!after.has(task) && known.since !== undefined && now - known.since < GRANT_ON_ITS_WAY_MS)
        after.set(task, known)
    this.#owners.set(owner, after)
    return lost
  }

  /** Owners that are heard of no more. */
  forgetAllBut(owners: ReadonlySet<string>): void {
    for (const owner of this.#owners.keys()) if (!owners.has(owner)) this.#owners.delete(owner)
  }

  #of(owner: string): Map<string, Known> {
    const known = this.#owners.get(owner) ?? new Map<string, Known>()
    this.#owners.set(owner, known)
    return known
  }
}
