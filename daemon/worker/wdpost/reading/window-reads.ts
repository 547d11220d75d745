import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { ProverMethod, ProverRequest, ProverResult } from '../../../../plugins/prover/calls.js'
import { ProofsError, sectorsTrouble } from '../../../../plugins/prover/errors.js'
import type { WdPoStAllocatedJob } from '../../../../rpc-schema/manager/wdpost-job.js'
import { proverId } from '../../../../rpc-schema/processor/sector.js'
import { SealError } from '../../../../rpc-schema/seal-error.js'
import { postProof } from '../../../../rpc-schema/wire/proof-types.js'
import type { Clock } from '../../../kit/clock.js'
import { SectorReads } from '../../../kit/proving/sector-reads.js'
import type { AttachedStores } from '../../store/attached-store.js'
import { touch } from '../../store/deadline.js'
import { windowPoStTask } from '../replicas.js'
import { NoAnswer, ReaderProcess } from './reader-process.js'
import { StoreSlots } from './store-slots.js'

export interface WindowReading {
  /** Sectors whose store has told twice that they are missing or damaged. */
  readonly faults: readonly number[]
  /** Sectors of which there was no answer in time. */
  readonly unread: readonly number[]
  /** What was wrong with one of the latter. */
  readonly reason: string
}

/** Reads what sectors have to show for the challenges of a window. */
export interface WindowReads {
  /** `onRead` is given each sector as soon as it is read. Throws when no sector is to blame. */
  read(
    job: WdPoStAllocatedJob,
    stores: AttachedStores,
    onRead: (sector: number, vanilla: Uint8Array) => void,
    signal: AbortSignal,
  ): Promise<WindowReading>
}

/** Processes of a worker that read at the same time, over all its jobs. */
const READERS = 16
/** Of these from one store. */
const READERS_OF_STORE = 12
const CHALLENGES_LIMIT_MS = 2 * 60_000
/** Where sectors lie in a store: one that has none of these is not there. */
const PLACES = ['sealed', 'update', 'cache', 'update-cache'] as const

/** In processes that can be killed: each job has its own, up to four for a store, and they end with it. */
export class ReaderProcesses implements WindowReads {
  readonly #clock: Clock
  readonly #slots = new StoreSlots({ all: READERS, store: READERS_OF_STORE })

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async read(
    job: WdPoStAllocatedJob,
    stores: AttachedStores,
    onRead: (sector: number, vanilla: Uint8Array) => void,
    signal: AbortSignal,
  ): Promise<WindowReading> {
    const { miner_id: miner, proof_type, seed, replicas } = windowPoStTask(job.Input, stores)
    const { SectorLimit, Limit, Sectors } = job.Read!
    const { wireName: proofType } = postProof(proof_type)
    const lanes = new Lanes(this.#clock)
    const end = (): void => lanes.close('it is not wanted any more')
    signal.addEventListener('abort', end, { once: true })
    try {
      signal.throwIfAborted()
      const sectorIds = Sectors.length > 0 ? [...Sectors] : replicas.map(({ sector_id }) => sector_id)
      const statement = { proofType, randomness: seed, proverId: proverId(miner) }
      const drawn = await lanes.call(
        'challenges',
        'fallbackChallenges',
        { ...statement, sectorIds },
        CHALLENGES_LIMIT_MS,
      )
      const challenges = new Map(drawn.map(({ sectorId, challenges: own }) => [sectorId, own]))
      const sectors = replicas.map((replica, at) => {
        const { SealedFile, CacheDir } = job.Input.Sectors[at]!.Accesses
        return { ...replica, number: replica.sector_id, store: [...new Set([SealedFile, CacheDir])].join('+') }
      })
      const reads = new SectorReads<(typeof sectors)[number]>({
        read: async (
          { sector_id: sectorId, comm_r: commR, sealed_file: sealedPath, cache_dir: cacheDir, store },
          lane,
          limitMs,
        ) => {
          const own = challenges.get(sectorId)
          if (own === undefined) throw new Error(`no challenges for sector ${sectorId}`)
          const request = { proofType, replica: { sectorId, commR, sealedPath, cacheDir }, challenges: own }
          const ask = () => lanes.call(lane, 'postVanillaProof', request, limitMs)
          const refusal = () => new NoAnswer('no process was free to read it')
          const found = await this.#slots.run(store, ask, limitMs, refusal)
          return found.vanillaProof
        },
        verdict: error => {
          if (error instanceof ProofsError) return sectorsTrouble(error) ? 'bad' : 'broken'
          return error instanceof NoAnswer ? 'unread' : 'broken'
        },
        clock: this.#clock,
      })
      const limits = { sectorMs: SectorLimit, allMs: Limit }
      const { failures, bad } = await reads.read(sectors, limits, signal, ({ number }, vanilla) =>
        onRead(number, vanilla),
      )
      if (bad.size === sectors.length) await requireStores(job, stores)
      const unread = [...failures.keys()].filter(number => !bad.has(number))
      const [first] = unread
      const reason = first === undefined ? '' : `sector ${first}: ${failures.get(first)}`
      return { faults: [...bad].sort((a, b) => a - b), unread: unread.sort((a, b) => a - b), reason }
    } catch (error) {
      signal.throwIfAborted()
      throw error
    } finally {
      signal.removeEventListener('abort', end)
      lanes.close('its job is over')
    }
  }
}

/** A process a name, started with its first call and again after it had to be killed. */
class Lanes {
  readonly #clock: Clock
  readonly #processes = new Map<string, ReaderProcess>()
  #closed: string | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  call<M extends ProverMethod>(
    name: string,
    method: M,
    request: ProverRequest<M>,
    limitMs: number,
  ): Promise<ProverResult<M>> {
    if (this.#closed !== undefined) return Promise.reject(new NoAnswer(this.#closed))
    const before = this.#processes.get(name)
    if (before?.isStuck) return Promise.reject(new NoAnswer('the process that reads there hangs and cannot be ended'))
    const process = before === undefined || before.isGone ? new ReaderProcess(this.#clock) : before
    this.#processes.set(name, process)
    return process.call(method, request, limitMs)
  }

  close(why: string): void {
    this.#closed = why
    for (const process of this.#processes.values()) process.kill(why)
  }
}

/** When every sector is missing, it is rather the store that is: nobody is to be declared faulty for a mount that was forgotten. */
async function requireStores({ Input }: WdPoStAllocatedJob, stores: AttachedStores): Promise<void> {
  const names = new Set(Input.Sectors.flatMap(({ Accesses }) => [Accesses.SealedFile, Accesses.CacheDir]))
  for (const name of names) {
    const { root } = stores.get(name)!
    const there = await Promise.all(
      PLACES.map(place =>
        touch(root, stat(join(root, place))).then(
          () => true,
          () => false,
        ),
      ),
    )
    if (!there.includes(true))
      throw new SealError(
        'permanent',
        `the store ${JSON.stringify(name)} seems not to be mounted: ${root} has no sectors`,
      )
  }
}
