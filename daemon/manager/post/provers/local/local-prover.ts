import { proverId } from '../../../../../rpc-schema/processor/sector.js'
import { postProof } from '../../../../../rpc-schema/wire/proof-types.js'
import type { Clock } from '../../../../kit/clock.js'
import type { Logger } from '../../../../kit/log.js'
import type { ReadLimits } from '../../../../kit/proving/sector-reads.js'
import { abandoned } from '../../../concurrency/abandoned.js'
import { checkLimitMs } from '../../../config/check-limit.js'
import type { CommonSettings } from '../../../config/manager-settings.js'
import type { SectorPlaces } from '../../../storage/sector-places.js'
import type { SectorProver } from '../../../storage/sector-proofs.js'
import type { ProofProgress, WindowProofRequest, WindowProofResult, WindowProver } from '../../window-prover.js'
import { placedReplicas } from '../placed-replicas.js'
import type { ProofComputer } from './proof-process.js'
import { ReadBefore } from './read-before.js'
import { type ReadTask, type VanillaOutcome, VanillaReader } from './vanilla-reader.js'

export interface LocalProverOptions {
  readonly places: Pick<SectorPlaces, 'find'>
  /** Reads of stores. */
  readonly reads: SectorProver
  /** What is computed without them. */
  readonly computer: ProofComputer
  /** Read anew at every use. */
  readonly limits: Pick<CommonSettings['Proving'], 'SingleCheckTimeout' | 'PartitionCheckTimeout'>
  readonly clock: Clock
  readonly log: Logger
}

/** The reads of one sector: beyond this the store hangs, however patient the settings are. */
const SECTOR_LIMIT_MS = 60_000
/**
 * Reading may take this share of the time that is left: the proofs themselves need the rest. A store that gives nothing is waited for no longer than this
 * divided by the proofs that wait behind.
 */
const READ_SHARE = 0.4
const CHALLENGES_LIMIT_MS = 2 * 60_000
/** One partition of 32 GiB takes minutes on a GPU, and an hour or more without. */
const PARTITION_LIMIT_MS = 2 * 60 * 60_000
/** Processes that read at the same time. */
const READERS = 16

/**
 * Window proofs on this machine, in processes that can be killed: stores are read sector by sector, and the proof is computed from what was read. So a
 * sector that is missing, damaged or on a mount that hangs is known by its number before any proof is begun.
 */
export class LocalProver implements WindowProver {
  readonly #options: LocalProverOptions
  readonly #reader: VanillaReader
  readonly #before = new ReadBefore()
  readonly #closing = new AbortController()

  constructor(options: LocalProverOptions) {
    this.#options = options
    this.#reader = new VanillaReader({ prover: options.reads, clock: options.clock, parallel: READERS })
  }

  prove(request: WindowProofRequest, given: AbortSignal, progress: ProofProgress = {}): Promise<WindowProofResult> {
    const signal = AbortSignal.any([given, this.#closing.signal])
    return abandoned(this.#prove(request, signal, progress), signal)
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('the manager stops'))
    this.#options.reads.close()
    this.#options.computer.close()
  }

  async #prove(request: WindowProofRequest, signal: AbortSignal, progress: ProofProgress): Promise<WindowProofResult> {
    const { places, clock, log } = this.#options
    const startedAt = clock.monotonic()
    const { placed, faults } = await placedReplicas(request, places, log)
    if (faults.length > 0 || placed.length === 0) return { proofs: [], faults }
    const { wireName: proofType, partitionSectors } = postProof(request.postProof)
    const statement = { proofType, randomness: request.randomness, proverId: proverId(request.miner) }
    const challenges = await this.#challenges(statement, placed, signal)
    const { vanillas, failures, late } = await this.#read(request, { proofType, replicas: placed, challenges }, signal)
    const subject = { miner: request.miner, ddl: request.deadline, partitions: request.partitions }
    for (const [sector, reason] of failures) log.error({ ...subject, sector, reason }, 'a sector cannot be proven')
    if (failures.size > 0) {
      const numbers = [...failures.keys()].sort((a, b) => a - b)
      const faults = numbers.filter(number => !late.has(number))
      return { proofs: [], faults, ...(late.size > 0 && { late: numbers.filter(number => late.has(number)) }) }
    }
    const readMs = clock.monotonic() - startedAt
    progress.read?.()
    const ordered = placed.map(({ number }) => vanillas.get(number)!)
    const parts: Uint8Array[] = []
    for (let at = 0; at < ordered.length; at += partitionSectors) {
      const { proof } = await this.#options.computer.compute(
        'windowPostPartition',
        {
          ...statement,
          vanillaProofs: ordered.slice(at, at + partitionSectors),
          partitionIndex: at / partitionSectors,
        },
        { limitMs: PARTITION_LIMIT_MS, signal },
      )
      parts.push(proof)
    }
    const proveMs = clock.monotonic() - startedAt - readMs
    log.info({ ...subject, sectors: placed.length, readMs, proveMs }, 'window proof made')
    return { proofs: [{ PoStProof: request.postProof, ProofBytes: Buffer.concat(parts) }], faults: [] }
  }

  /** Only what was not read before, for a proof that then lacked another sector. */
  async #read({ miner, ...request }: WindowProofRequest, task: ReadTask, signal: AbortSignal): Promise<VanillaOutcome> {
    const { randomness } = request
    const { replicas, challenges } = task
    const vanillas = new Map<number, Uint8Array>()
    for (const { number, commR } of replicas) {
      const of = { commR, challenges: challenges.get(number) ?? [] }
      const vanilla = this.#before.take(miner, randomness, number, of)
      if (vanilla !== undefined) vanillas.set(number, vanilla)
    }
    const wanted = replicas.filter(({ number }) => !vanillas.has(number))
    const found = await this.#reader.read({ ...task, replicas: wanted }, this.#readLimits(request), signal)
    for (const [number, vanilla] of found.vanillas) vanillas.set(number, vanilla)
    if (found.failures.size > 0)
      this.#before.keep(
        miner,
        randomness,
        replicas.flatMap(({ number, commR }) => {
          const vanilla = vanillas.get(number)
          return vanilla === undefined
            ? []
            : [[number, { commR, challenges: challenges.get(number)!, vanilla }] as const]
        }),
      )
    return { ...found, vanillas }
  }

  /** Of all sectors together: with older proof types a challenge depends on the place of the sector among the others. */
  async #challenges(
    statement: { proofType: string; randomness: Uint8Array; proverId: Uint8Array },
    placed: readonly { readonly number: number }[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<number, readonly number[]>> {
    const request = { ...statement, sectorIds: placed.map(({ number }) => number) }
    const limits = { limitMs: CHALLENGES_LIMIT_MS, signal }
    const found = await this.#options.computer.compute('fallbackChallenges', request, limits)
    return new Map(found.map(({ sectorId, challenges }) => [sectorId, challenges]))
  }

  #readLimits({ closesAt, partitions, behind = 0 }: Omit<WindowProofRequest, 'miner'>): ReadLimits {
    const { limits, clock } = this.#options
    const allowed = checkLimitMs(limits.PartitionCheckTimeout) * Math.max(1, partitions.length)
    const share = closesAt === undefined ? allowed : Math.max(0, closesAt - clock.now()) * READ_SHARE
    return {
      sectorMs: Math.min(checkLimitMs(limits.SingleCheckTimeout), SECTOR_LIMIT_MS),
      allMs: Math.min(allowed, share),
      silentMs: Math.min(allowed, share / (1 + behind)),
    }
  }
}
