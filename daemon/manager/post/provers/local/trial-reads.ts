import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { proverId } from '../../../../../rpc-schema/processor/sector.js'
import { errorText } from '../../../../../rpc-schema/seal-error.js'
import { postProof } from '../../../../../rpc-schema/wire/proof-types.js'
import type { Clock } from '../../../../kit/clock.js'
import type { SectorProver } from '../../../storage/sector-proofs.js'
import { type PlacedReplica, storeNameOf } from '../placed-replicas.js'

export interface TrialTask {
  readonly miner: number
  /** RegisteredPoStProof, as the chain has it. */
  readonly postProof: number
  readonly replicas: readonly PlacedReplica[]
  readonly limits: {
    /** For one sector. */
    readonly sectorMs: number
    /** For all of one store: what is not read then is left out. */
    readonly storeMs: number
  }
}

export interface TrialReading {
  readonly sector: number
  readonly store: string
  readonly tookMs: number
}

export interface TrialOutcome {
  readonly readings: readonly TrialReading[]
  /** Why sectors could not be read. */
  readonly failures: ReadonlyMap<number, string>
}

/** Reads sectors as for a proof, with a challenge made up, and measures it. */
export interface TrialReads {
  read(task: TrialTask, signal: AbortSignal): Promise<TrialOutcome>
}

/** Failures one after the other that a store is asked again after: one that hangs takes its whole limit for each. */
const MOST_FAILURES_IN_A_ROW = 2

/** In processes that can be killed, one a store, one sector after the other: so the times are those of the store and not of a crowd. */
export class NativeTrialReads implements TrialReads {
  readonly #reads: SectorProver
  readonly #clock: Clock

  constructor(reads: SectorProver, clock: Clock) {
    this.#reads = reads
    this.#clock = clock
  }

  async read(task: TrialTask, signal: AbortSignal): Promise<TrialOutcome> {
    const challenges = await this.#challenges(task)
    const stores = new Map<string, PlacedReplica[]>()
    for (const replica of task.replicas) {
      const store = storeNameOf(replica.place)
      stores.set(store, [...(stores.get(store) ?? []), replica])
    }
    const readings: TrialReading[] = []
    const failures = new Map<number, string>()
    await Promise.all(
      [...stores].map(([store, replicas]) =>
        this.#store(task, store, replicas, challenges, { readings, failures }, signal),
      ),
    )
    return { readings, failures }
  }

  async #store(
    task: TrialTask,
    store: string,
    replicas: readonly PlacedReplica[],
    challenges: ReadonlyMap<number, readonly number[]>,
    { readings, failures }: { readings: TrialReading[]; failures: Map<number, string> },
    signal: AbortSignal,
  ): Promise<void> {
    const end = this.#clock.monotonic() + task.limits.storeMs
    let inARow = 0
    let isWarm = false
    for (const replica of replicas) {
      const limitMs = Math.min(task.limits.sectorMs, end - this.#clock.monotonic())
      if (signal.aborted || limitMs <= 0 || inARow === MOST_FAILURES_IN_A_ROW) return
      const own = challenges.get(replica.number) ?? []
      try {
        // The start of the process is not the store's time.
        if (!isWarm) await this.#one(task, store, replica, own.slice(0, 1), limitMs)
        isWarm = true
        const begun = this.#clock.monotonic()
        await this.#one(task, store, replica, own, limitMs)
        readings.push({ sector: replica.number, store, tookMs: this.#clock.monotonic() - begun })
        inARow = 0
      } catch (error) {
        failures.set(replica.number, errorText(error))
        inARow += 1
      }
    }
  }

  async #one(
    { postProof: type }: TrialTask,
    store: string,
    { number: sectorId, commR, place }: PlacedReplica,
    challenges: readonly number[],
    limitMs: number,
  ): Promise<void> {
    const [sealedRoot, cacheRoot] = [place.sealedStore.root, place.cacheStore.root]
    if (sealedRoot === undefined || cacheRoot === undefined)
      throw new Error(`the store ${store} has no files that the prover can open`)
    const request = {
      proofType: postProof(type).wireName,
      replica: { sectorId, commR, sealedPath: join(sealedRoot, place.sealed), cacheDir: join(cacheRoot, place.cache) },
      challenges: [...challenges],
    }
    await this.#reads.prove(`${store}, trials`, 'postVanillaProof', request, { runMs: limitMs, waitMs: limitMs })
  }

  async #challenges({ miner, postProof: type, replicas, limits }: TrialTask): Promise<Map<number, readonly number[]>> {
    if (replicas.length === 0) return new Map()
    const randomness = new Uint8Array(randomBytes(32))
    randomness[31]! &= 0x3f
    const request = {
      proofType: postProof(type).wireName,
      randomness,
      proverId: proverId(miner),
      sectorIds: replicas.map(({ number }) => number).sort((a, b) => a - b),
    }
    const { sectorMs } = limits
    const found = await this.#reads.prove('challenges of trials', 'fallbackChallenges', request, {
      runMs: sectorMs,
      waitMs: sectorMs,
    })
    return new Map(found.map(({ sectorId, challenges }) => [sectorId, challenges]))
  }
}
