import { join } from 'node:path'
import { ProofsError, sectorsTrouble } from '../../../../../plugins/prover/errors.js'
import type { Clock } from '../../../../kit/clock.js'
import { Slots } from '../../../../kit/concurrency/slots.js'
import { type ReadLimits, type ReadOutcome, SectorReads } from '../../../../kit/proving/sector-reads.js'
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

export interface VanillaOutcome extends ReadOutcome {
  /** By sector number. */
  readonly vanillas: ReadonlyMap<number, Uint8Array>
}

/** Reads what sectors have to show for their challenges. */
export class VanillaReader {
  readonly #options: VanillaReaderOptions
  readonly #slots: Slots

  constructor(options: VanillaReaderOptions) {
    this.#options = options
    this.#slots = new Slots(options.parallel)
  }

  /** Throws only what is nobody's sector's fault. */
  async read(task: ReadTask, limits: ReadLimits, signal: AbortSignal): Promise<VanillaOutcome> {
    const vanillas = new Map<number, Uint8Array>()
    const reads = new SectorReads<PlacedReplica & { store: string }>({
      read: (replica, lane, limitMs) => this.#vanilla(task, replica, lane, limitMs),
      verdict: error => (error instanceof ProofsError ? (sectorsTrouble(error) ? 'bad' : 'broken') : 'unread'),
      clock: this.#options.clock,
    })
    const replicas = task.replicas.map(replica => ({ ...replica, store: storeNameOf(replica.place) }))
    const outcome = await reads.read(replicas, limits, signal, ({ number }, vanilla) => vanillas.set(number, vanilla))
    return { ...outcome, vanillas }
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
