import { join } from 'node:path'
import { ProofsError, type ProofsErrorCode } from '../../../../../plugins/prover/errors.js'
import { errorText } from '../../../../../rpc-schema/seal-error.js'
import type { Clock } from '../../../../kit/clock.js'
import { Slots } from '../../../concurrency/slots.js'
import type { SectorProver } from '../../../storage/sector-proofs.js'
import { type PlacedReplica, storeNameOf } from '../placed-replicas.js'

export interface VanillaReaderOptions {
  /** In killable processes, one a name. */
  readonly prover: SectorProver
  readonly clock: Clock
  /** Processes that read at the same time, over all stores. */
  readonly parallel: number
}

export interface ReadTask {
  /** PoSt proof by its wire name. */
  readonly proofType: string
  readonly replicas: readonly PlacedReplica[]
  readonly challenges: ReadonlyMap<number, readonly number[]>
}

export interface ReadLimits {
  /** For one sector. */
  readonly sectorMs: number
  /** For all of them. */
  readonly allMs: number
  /** For a store that gives nothing: so long after the beginning, or after the last sector that it gave. Default: as long as for all. */
  readonly silentMs?: number
}

export interface ReadOutcome {
  /** By sector number. */
  readonly vanillas: ReadonlyMap<number, Uint8Array>
  /** Why the others have none. */
  readonly failures: ReadonlyMap<number, string>
  /** Those of the failures that say nothing of the sector: its store was silent for too long while others wait, and there is time for another look. */
  readonly late: ReadonlySet<number>
}

/** Processes that read from one store: a network store answers many at once, and one slow file is not to hold up the others. */
const STORE_LANES = 4
/** Between two looks at what could not be read: an interruption of a network store lasts some seconds. */
const AGAIN_PAUSE_MS = 3_000
/** Looks at a sector of which its store has told that it is bad. */
const LOOKS_AT_BAD = 2

/** These tell nothing of the sector. */
const NOT_OF_THE_SECTOR: ReadonlySet<ProofsErrorCode> = new Set([
  'UNKNOWN_METHOD',
  'PARAMETERS_MISSING',
  'INVALID_PARAMETERS',
  'ALREADY_CONFIGURED',
  'NOT_BUILT',
  'DISK_FULL',
])

/** Whether an error of the prover tells something of the sector that was read. */
export const sectorsTrouble = ({ code }: ProofsError): boolean => !NOT_OF_THE_SECTOR.has(code)

/**
 * Reads what sectors have to show for their challenges. A store that hangs holds its own processes and no others; what could not be read is tried again
 * for as long as there is time, and a sector that is bad at the second look as well is told to be so.
 */
export class VanillaReader {
  readonly #options: VanillaReaderOptions
  readonly #slots: Slots

  constructor(options: VanillaReaderOptions) {
    this.#options = options
    this.#slots = new Slots(options.parallel)
  }

  /** Throws only what is nobody's sector's fault. */
  async read(
    task: ReadTask,
    { sectorMs, allMs, silentMs = allMs }: ReadLimits,
    signal: AbortSignal,
  ): Promise<ReadOutcome> {
    const { clock } = this.#options
    const begun = clock.monotonic()
    const end = begun + allMs
    /** When a store has given its last sector. */
    const heardAt = new Map<string, number>()
    /** Ms that are left for what is in a store. */
    const restOf = (store: string): number =>
      Math.min(end, (heardAt.get(store) ?? begun) + silentMs) - clock.monotonic()
    const vanillas = new Map<number, Uint8Array>()
    const failures = new Map<number, string>()
    const badLooks = new Map<number, number>()
    const isOpen = ({ number }: PlacedReplica): boolean =>
      !vanillas.has(number) && (badLooks.get(number) ?? 0) < LOOKS_AT_BAD
    const readOne = async (replica: PlacedReplica, lane: string): Promise<void> => {
      const store = storeNameOf(replica.place)
      const rest = restOf(store)
      signal.throwIfAborted()
      if (rest <= 0) return void failures.set(replica.number, failures.get(replica.number) ?? 'not read in time')
      try {
        vanillas.set(replica.number, await this.#vanilla(task, replica, lane, Math.min(sectorMs, rest)))
        failures.delete(replica.number)
        heardAt.set(store, clock.monotonic())
      } catch (error) {
        failures.set(replica.number, errorText(error))
        if (!(error instanceof ProofsError)) return
        if (!sectorsTrouble(error)) throw error
        badLooks.set(replica.number, (badLooks.get(replica.number) ?? 0) + 1)
      }
    }
    for (let round = task.replicas; ; ) {
      await this.#inLanes(round, readOne)
      round = task.replicas.filter(replica => isOpen(replica) && restOf(storeNameOf(replica.place)) > AGAIN_PAUSE_MS)
      if (round.length === 0) break
      await clock.sleep(AGAIN_PAUSE_MS, signal)
    }
    const isOver = end - clock.monotonic() <= AGAIN_PAUSE_MS
    const late = isOver ? [] : task.replicas.filter(isOpen).map(({ number }) => number)
    return { vanillas, failures, late: new Set(late) }
  }

  /** Each store's sectors in the lanes of that store. The first error ends it. */
  async #inLanes(
    replicas: readonly PlacedReplica[],
    read: (replica: PlacedReplica, lane: string) => Promise<void>,
  ): Promise<void> {
    const stores = new Map<string, PlacedReplica[]>()
    for (const replica of replicas) {
      const name = storeNameOf(replica.place)
      stores.set(name, [...(stores.get(name) ?? []), replica])
    }
    const lanes = [...stores].flatMap(([store, queue]) =>
      Array.from({ length: Math.min(STORE_LANES, queue.length) }, async (_, lane) => {
        for (let next = queue.shift(); next !== undefined; next = queue.shift())
          await read(next, `${store}, proofs ${lane + 1}`)
      }),
    )
    await Promise.all(lanes)
  }

  async #vanilla(task: ReadTask, replica: PlacedReplica, lane: string, limitMs: number): Promise<Uint8Array> {
    const { number: sectorId, commR, place } = replica
    const [sealedRoot, cacheRoot] = [place.sealedStore.root, place.cacheStore.root]
    if (sealedRoot === undefined || cacheRoot === undefined)
      throw new ProofsError({
        code: 'IO',
        message: `the store ${(sealedRoot === undefined ? place.sealedStore : place.cacheStore).name} has no files that the prover can open`,
        causes: [],
      })
    const challenges = task.challenges.get(sectorId)
    if (challenges === undefined) throw new Error(`no challenges for sector ${sectorId}`)
    const request = {
      proofType: task.proofType,
      replica: { sectorId, commR, sealedPath: join(sealedRoot, place.sealed), cacheDir: join(cacheRoot, place.cache) },
      challenges,
    }
    const ask = () => this.#options.prover.prove(lane, 'postVanillaProof', request, { runMs: limitMs, waitMs: limitMs })
    return (
      await this.#slots.run(ask, limitMs, () => {
        throw new Error('no process was free to read it')
      })
    ).vanillaProof
  }
}
