import type { WdPoStInput, WdPoStSectorInfo } from '../../../../../rpc-schema/manager/wdpost-job.js'
import { postProof } from '../../../../../rpc-schema/wire/proof-types.js'
import type { Clock } from '../../../../kit/clock.js'
import type { Logger } from '../../../../kit/log.js'
import type { SectorPlaces } from '../../../storage/sector-places.js'
import type { ProofProgress, WindowProofRequest, WindowProofResult, WindowProver } from '../../window-prover.js'
import { placedReplicas } from '../placed-replicas.js'
import { challengeId, inputText, jobId } from './job-id.js'
import type { WdPostJob } from './job-repository.js'
import { ENDED } from './job-table.js'
import { ReadingSilence } from './reading-silence.js'
import type { NewProof, WdPostJobs } from './wdpost-jobs.js'

export interface WorkerProverOptions {
  readonly jobs: WdPostJobs
  readonly places: Pick<SectorPlaces, 'find'>
  readonly clock: Clock
  readonly log: Logger
}

/** How often the job is looked for: another manager of the same database may have the worker. */
const LOOK_MS = 3_000

/** Window proofs by workers: puts a job into the database and waits for what becomes of it. A manager that starts again finds its jobs there. */
export class WorkerProver implements WindowProver {
  readonly #options: WorkerProverOptions
  readonly #closing = new AbortController()
  /** Proofs that were handed over in this process: who asks again could not use them. */
  readonly #handedOver = new Set<string>()
  /** Jobs that nobody waits for any more, by what they were to show: the next one for the same takes their place. */
  readonly #abandoned = new Map<string, string>()

  constructor(options: WorkerProverOptions) {
    this.#options = options
  }

  async prove(
    request: WindowProofRequest,
    signal: AbortSignal,
    progress: ProofProgress = {},
  ): Promise<WindowProofResult> {
    const { places, log } = this.#options
    const { placed, faults } = await placedReplicas(request, places, log)
    if (faults.length > 0) return { proofs: [], faults }
    const sectors = placed.map(({ number, commR, upgraded, place }) => ({
      SectorId: number,
      CommR: commR,
      Upgrade: upgraded,
      Accesses: { SealedFile: place.sealedStore.name, CacheDir: place.cacheStore.name },
    }))
    const proof = await newProof(request, sectors)
    const subject = `${request.miner}/${request.deadline}/${request.partitions.join()}`
    // What a trial would drop may be wanted by another manager.
    if (!proof.isTrial) await this.#supersede(subject, proof)
    const ends = AbortSignal.any([signal, this.#closing.signal])
    try {
      const result = await this.#wait(proof, request, ends, progress)
      // Its jobs go on: who asks for the same again has what they have done.
      if (result.late !== undefined) this.#abandoned.set(subject, proof.proofId)
      return result
    } catch (error) {
      if (signal.aborted && proof.isTrial) await this.#options.jobs.dropTrial(proof.proofId)
      else if (signal.aborted) this.#abandoned.set(subject, proof.proofId)
      throw error
    }
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('the manager stops; its window PoSt jobs go on'))
  }

  async #wait(
    proof: NewProof,
    request: WindowProofRequest,
    ends: AbortSignal,
    progress: ProofProgress,
  ): Promise<WindowProofResult> {
    const { jobs, clock, log } = this.#options
    const { proofId } = proof
    if (this.#handedOver.delete(proofId) && (await jobs.stateOf(proofId)).state === 'done') {
      log.warn({ job: proofId }, 'the proof of this job was of no use: it is made again')
      await jobs.renew(proof)
    }
    if (!proof.isTrial) await jobs.beforeTrials(proof)
    let isRead = false
    const silence = new ReadingSilence(jobs.split.silentMs(proof, request), clock)
    // A job that has failed stays so until it is reset; who wants the proof anew has it tried as a job of its own.
    let isRetry = (await jobs.stateOf(proofId)).state === 'failed'
    for (;;) {
      ends.throwIfAborted()
      // Before the look: what happens between look and wait is not to be missed.
      const changed = waker()
      const forget = jobs.onChange(proofId, changed.wake)
      try {
        const found = await jobs.stateOf(proofId)
        if (!isRead && found.state === 'open' && found.isRead) {
          isRead = true
          progress.read?.()
        }
        if (found.state === 'open' && !isRead && (request.behind ?? 0) > 0) {
          const reading = await jobs.split.reading(proofId)
          if (silence.isTooLong(reading)) return { proofs: [], faults: [], late: reading.unread }
        }
        if (found.state === 'done') {
          this.#handedOver.add(proofId)
          const proofs = found.output.proofs.map(ProofBytes => ({ PoStProof: request.postProof, ProofBytes }))
          const faults = [...found.output.faults]
          return faults.length > 0 ? { proofs: [], faults } : { proofs, faults }
        }
        if (found.state === 'failed' && isOurEnd(found.jobs) && !isOver(request, clock)) {
          if (!proof.isTrial || !(await jobs.hasRealWork())) await jobs.renew(proof)
        } else if (found.state === 'failed' && !isRetry) throw failure(found.jobs)
        else if (found.state !== 'open') {
          isRetry = false
          const isNew = await jobs.add(proof)
          if (isNew) log.info(createdText(proof, request), 'wdPoSt job created')
        }
        await changed.within(LOOK_MS, clock, ends)
      } finally {
        forget()
      }
    }
  }

  /** A job for the same partitions that was given up, because the challenge has changed or sectors are left out, is not to keep a worker from this one. */
  async #supersede(subject: string, proof: NewProof): Promise<void> {
    const given = this.#abandoned.get(subject)
    this.#abandoned.delete(subject)
    if (given !== undefined && given !== proof.proofId) await this.#options.jobs.drop(given, proof)
  }
}

async function newProof(request: WindowProofRequest, sectors: WdPoStSectorInfo[]): Promise<NewProof> {
  const seed = Uint8Array.from(request.randomness)
  seed[31]! &= 0x3f
  const input: WdPoStInput = {
    Sectors: sectors,
    MinerId: request.miner,
    ProofType: postProof(request.postProof).wireName,
    Seed: seed,
  }
  const text = inputText(input)
  const { deadline, partitions, closesAt, trial: isTrial = false } = request
  const proofId = await jobId(text)
  const challenge = challengeId(input, proofId)
  return { proofId, input, inputText: text, deadline, partitions, closesAt, isTrial, challenge }
}

const createdText = ({ proofId }: NewProof, { miner, deadline, partitions, replicas }: WindowProofRequest) => ({
  job: proofId,
  miner,
  ddl: deadline,
  partitions,
  sectors: replicas.length,
})

/** We have ended it, not the workers: asked for again, it is wanted again. */
const isOurEnd = (jobs: readonly WdPostJob[]): boolean =>
  jobs.some(({ ended }) => ended === ENDED.dropped || ended === ENDED.deadline || ended === ENDED.trial)

const isOver = ({ closesAt }: WindowProofRequest, clock: Clock): boolean =>
  closesAt !== undefined && closesAt <= clock.now()

function failure(jobs: readonly WdPostJob[]): Error {
  const { id, error, attempts, owner } = [...jobs].sort((a, b) => b.finishedAt - a.finishedAt)[0]!
  const ids = jobs.map(job => job.id).join(' ')
  return new Error(
    `error from worker: ${error} (job ${id}, ${attempts} attempts, the last by ${owner || 'nobody'}); \`util worker wdpost reset ${ids}\` lets workers try again`,
  )
}

interface Waker {
  readonly wake: () => void
  within(ms: number, clock: Clock, signal: AbortSignal): Promise<void>
}

/** A wait that ends at once when woken, also by what came before it began. */
function waker(): Waker {
  const woken = new AbortController()
  return {
    wake: () => woken.abort(),
    within: async (ms, clock, signal) => {
      await clock.sleep(ms, AbortSignal.any([woken.signal, signal])).catch(() => undefined)
      signal.throwIfAborted()
    },
  }
}
