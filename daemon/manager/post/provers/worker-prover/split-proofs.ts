import { createHash } from 'node:crypto'
import type { Knex } from 'knex'
import { z } from 'zod'
import { vanillasIn } from '../../../../../rpc-schema/manager/vanilla-chunk.js'
import { type WdPoStAllocatedJob, WdPoStInput, WindowPoStOutput } from '../../../../../rpc-schema/manager/wdpost-job.js'
import type { Clock } from '../../../../kit/clock.js'
import type { Logger } from '../../../../kit/log.js'
import type { Claim, JobQueue } from '../../../../kit/queue/job-queue.js'
import { checkLimitMs } from '../../../config/check-limit.js'
import type { CommonSettings } from '../../../config/manager-settings.js'
import { drawsForEachSector, inputText } from './job-id.js'
import type { JobRepository, WdPostJob } from './job-repository.js'
import { dueOf, ENDED, newJobColumns } from './job-table.js'
import { isOpen, outlookOf } from './proof-outlook.js'
import { hasStores, readPlan } from './read-plan.js'
import type { Reading } from './reading-silence.js'
import { type ChunkInfo, VanillaRepository } from './vanilla-repository.js'
import type { NewProof } from './wdpost-jobs.js'

export interface SplitProofsOptions {
  readonly db: Knex
  readonly queue: JobQueue
  readonly repository: JobRepository
  readonly clock: Clock
  readonly log: Logger
  /** Read anew at every use. */
  readonly settings: Pick<CommonSettings['Proving']['WorkerProver'], 'JobMaxTry' | 'Redundancy' | 'JobLifetime'>
  readonly limits: ReadingLimits
}

export type ReadingLimits = Pick<CommonSettings['Proving'], 'SingleCheckTimeout' | 'PartitionCheckTimeout'>

/** What became of bytes that a reader has handed in. */
export type Received = 'kept' | 'unknown job' | 'not wanted' | 'not of this job'

/** Ends an attempt that has failed, and answers what became of the job; undefined when it was not the attempt of whoever has the job. */
type Fail = (job: WdPostJob, reason: string) => Promise<string | undefined>

/** The reads of one sector: beyond this the store hangs, however patient the settings are. */
const SECTOR_LIMIT_MS = 60_000
/** One attempt may take this share of the time that is left: another one, and the proof, need the rest. */
const READ_SHARE = 0.4

/**
 * Proofs of which the reading and the proving are jobs of their own, so that machines with disks read and machines with GPUs prove. For each store (and
 * some hundred sectors) there is a job that reads; the one that proves waits until everything is there. What was read stays until the proof is made, also
 * for a proof of the same challenge without the sectors that could not be read.
 */
export class SplitProofs {
  readonly #options: SplitProofsOptions
  readonly #vanillas: VanillaRepository

  constructor(options: SplitProofsOptions) {
    this.#options = options
    this.#vanillas = new VanillaRepository(options.db, options.clock)
  }

  /** Makes the jobs that a proof lacks, beside those that are open; false when it lacks none. */
  async add(proof: NewProof): Promise<boolean> {
    const { repository, settings } = this.#options
    const { proofId, input } = proof
    const jobs = await repository.copies(proofId)
    const copies = Math.max(1, settings.Redundancy)
    const missing = await this.#missing(
      input.Sectors.map(({ SectorId }) => SectorId),
      proof.challenge,
    )
    let added = false
    const provers = jobs.filter(({ part }) => part !== 'read')
    if (!provers.some(isOpen)) {
      const job = {
        taskId: proofId,
        part: 'prove',
        input,
        text: proof.inputText,
        stores: '',
        waits: missing.size,
      } as const
      for (let copy = provers.length + 1; copy <= provers.length + copies; copy++)
        added = (await this.#insert(proof, copy === 1 ? proofId : `${proofId}-${copy}`, { ...job, copies })) || added
    }
    const readers = jobs.filter(({ part }) => part === 'read')
    for (const { id } of readers.filter(isOpen))
      for (const number of await repository.sectors(id)) missing.delete(number)
    let last = Math.max(0, ...readers.map(({ taskId }) => Number(taskId.slice(`${proofId}-r`.length))))
    for (const { stores, sectors } of readPlan(input.Sectors.filter(({ SectorId }) => missing.has(SectorId)))) {
      const taskId = `${proofId}-r${++last}`
      const own = { ...input, Sectors: [...sectors] }
      const job = { taskId, part: 'read', input: own, text: inputText(own), stores, waits: 0 } as const
      for (let copy = 1; copy <= copies; copy++)
        added = (await this.#insert(proof, copy === 1 ? taskId : `${taskId}-${copy}`, { ...job, copies })) || added
    }
    await this.recount(proofId)
    return added
  }

  /** Of what jobs that read need, what someone with these stores has; all when it is not told. */
  async readable(stores: readonly string[] | undefined): Promise<string[]> {
    const wanted = await this.#options.repository.storesWanted()
    const names = stores && new Set(stores)
    return names === undefined ? wanted : wanted.filter(text => hasStores(names, text))
  }

  /** What a worker is told of a job that it has claimed; undefined when there is nothing to do in it, which it is not charged with. */
  async grant(job: WdPostJob, claim: Claim): Promise<WdPoStAllocatedJob | undefined> {
    const input = z.decode(WdPoStInput, JSON.parse(String(job.row.input)))
    if (job.part === 'whole') return { Id: job.id, Input: input }
    const numbers = input.Sectors.map(({ SectorId }) => SectorId)
    if (job.part === 'prove') {
      const chunks = await this.#vanillas.list(job.challenge)
      const missing = without(numbers, chunks)
      if (missing.size > 0) {
        await this.#options.queue.release(claim)
        await this.recount(job.proofId, { isLess: false })
        return undefined
      }
      const wanted = new Set(numbers)
      const Vanillas = chunks
        .filter(({ sectors }) => sectors.some(number => wanted.has(number)))
        .map(({ id, bytes }) => ({ Id: id, Bytes: bytes }))
      return { Id: job.id, Input: input, Prove: { Vanillas } }
    }
    const missing = await this.#missing(numbers, job.challenge)
    if (missing.size === 0) {
      await this.#read(job, [])
      return undefined
    }
    const Sectors = input.Sectors.filter(({ SectorId }) => missing.has(SectorId))
    return { Id: job.id, Input: { ...input, Sectors }, Read: await this.#reading(job, input.ProofType) }
  }

  /** A reader has ended its job: what it has read has come before. */
  async finishRead(job: WdPostJob, output: WindowPoStOutput | null, reason: string, fail: Fail): Promise<void> {
    const numbers = await this.#options.repository.sectors(job.id)
    const missing = await this.#missing(numbers, job.challenge)
    if (output === null && missing.size > 0) {
      if ((await fail(job, reason || 'the worker has read nothing')) === 'parked') await this.settle(job.proofId)
      return
    }
    const told = new Set(output?.faults)
    const silent = [...missing].filter(number => !told.has(number))
    if (silent.length === 0) return this.#read(job, [...missing])
    const unread = new Set(output?.unread)
    // As in the manager itself: who does not answer for as long as there are attempts costs its own sectors, not their partition.
    const isLast = job.state === 'running' && job.unheard === 0 && job.attempts >= this.#options.settings.JobMaxTry
    if (isLast && silent.every(number => unread.has(number))) return this.#read(job, [...missing])
    const some = silent.slice(0, 5).join(', ') + (silent.length > 5 ? ', …' : '')
    const became = await fail(job, `sectors not read: ${some}${reason === '' ? '' : `: ${reason}`}`)
    if (became === 'parked') await this.settle(job.proofId)
  }

  /** A job that reads has ended: where no other goes on, and not everything was read, nothing is to be proven. */
  async settle(proofId: string): Promise<void> {
    const { repository } = this.#options
    const { state } = outlookOf(await repository.copies(proofId))
    if (state !== 'faulty' && state !== 'failed') return
    const waiting = (jobs: Knex.QueryBuilder) =>
      void jobs.where({ proof_id: proofId, part: 'prove' }).where('waits', '>', 0)
    await repository.end(waiting, state === 'faulty' ? ENDED.faulty : ENDED.unread)
  }

  /** A job that reads is to be done after all, and so is what is proven from it. */
  async revive({ proofId }: WdPostJob): Promise<void> {
    const { repository } = this.#options
    for (const { id, part, ended } of await repository.copies(proofId))
      if (part === 'prove' && (ended === ENDED.faulty || ended === ENDED.unread)) await repository.reset(id)
  }

  /** How many sectors a proof still waits for. */
  async recount(proofId: string, { isLess }: { readonly isLess: boolean } = { isLess: true }): Promise<void> {
    const { repository } = this.#options
    const prover = (await repository.copies(proofId)).find(({ part, state }) => part === 'prove' && state !== 'done')
    if (prover === undefined) return
    const missing = await this.#missing(await repository.sectors(prover.id), prover.challenge)
    await repository.setWaits(proofId, missing.size, { isLess })
  }

  /** For how long readers may be silent while other proofs wait behind this one: its part of the time that reading may take. */
  silentMs(
    { partitions, closesAt }: Pick<NewProof, 'partitions' | 'closesAt'>,
    { behind = 0 }: { readonly behind?: number },
  ): number {
    const { limits, clock } = this.#options
    const allowed = checkLimitMs(limits.PartitionCheckTimeout) * Math.max(1, partitions.length)
    if (closesAt === undefined) return allowed
    return Math.min(allowed, (Math.max(0, closesAt - clock.now()) * READ_SHARE) / (1 + behind))
  }

  /** What workers are reading for a proof. */
  async reading(proofId: string): Promise<Reading> {
    const { repository } = this.#options
    const jobs = await repository.copies(proofId)
    const readers = jobs.filter(({ part, state }) => part === 'read' && state === 'running')
    const numbers = await Promise.all(readers.map(({ id }) => repository.sectors(id)))
    const unread = await this.#missing(numbers.flat(), jobs[0]?.challenge ?? '')
    return { attempts: readers.map(({ id, fence }) => `${id}/${fence}`), unread: [...unread].sort((a, b) => a - b) }
  }

  /** What was read for these sectors is of no use any more. */
  async release(jobs: readonly WdPostJob[]): Promise<void> {
    const prover = jobs.find(({ part }) => part === 'prove')
    if (prover === undefined) return
    const sectors = new Set(await this.#options.repository.sectors(prover.id))
    const chunks = await this.#vanillas.list(prover.challenge)
    await this.#vanillas.remove(
      chunks.filter(chunk => chunk.sectors.every(number => sectors.has(number))).map(({ id }) => id),
    )
  }

  /** Bytes that a reader hands in, whose form and digest have been looked at: also of one that has lost its job meanwhile. */
  async receive(jobId: string, id: string, content: Uint8Array): Promise<Received> {
    const { repository } = this.#options
    const job = (await repository.find([jobId])).get(jobId)
    if (job?.part !== 'read') return 'unknown job'
    if (job.state === 'done' || job.ended !== '') return 'not wanted'
    const sectors = vanillasIn(content).map(({ sector }) => sector)
    const own = new Set(await repository.sectors(jobId))
    if (sectors.length === 0 || !sectors.every(sector => own.has(sector))) return 'not of this job'
    // A copy of the job may have brought them already, or one that was silent meanwhile: else that is not looked for, since it takes longer than to keep them.
    const isShared = job.copies > 1 || job.attempts > 1
    if (isShared && (await this.#missing(sectors, job.challenge)).size === 0) return 'kept'
    const { challenge, dueAt } = job
    await this.#vanillas.keep({ id, challenge, sectors, dueAt, content })
    return 'kept'
  }

  /** The bytes of a chunk; undefined when they are not there, or not what they were. */
  async content(id: string): Promise<Uint8Array | undefined> {
    const content = await this.#vanillas.content(id)
    if (content === undefined) return undefined
    if (createHash('sha256').update(content).digest('hex') === id) return content
    this.#options.log.error(
      { chunk: id },
      'what was read for a window proof is damaged in the database: it is read again',
    )
    await this.#vanillas.remove([id])
    return undefined
  }

  async forgetOld(): Promise<void> {
    const now = this.#options.clock.now()
    await this.#vanillas.forget(now, now - this.#options.settings.JobLifetime)
  }

  #insert(
    proof: NewProof,
    id: string,
    job: {
      taskId: string
      part: 'read' | 'prove'
      input: WdPoStInput
      text: string
      stores: string
      waits: number
      copies: number
    },
  ): Promise<boolean> {
    const { input, text, ...same } = job
    const { proofId, deadline, partitions, challenge } = proof
    return this.#options.queue.add(
      { id, group: String(input.MinerId), kind: input.ProofType },
      newJobColumns({
        ...same,
        proofId,
        deadline,
        partitions,
        dueAt: dueOf(proof),
        challenge,
        sectors: input.Sectors.length,
        input: text,
      }),
    )
  }

  /** The job is done: what it was to read is there, or is faulty. */
  async #read(job: WdPostJob, faults: readonly number[]): Promise<void> {
    const { db, queue, repository, log } = this.#options
    const { id, owner, proofId, taskId } = job
    const output = JSON.stringify(z.encode(WindowPoStOutput, { proofs: [], faults: [...faults] }))
    if (!(await queue.complete({ id }, owner, { output, faults: faults.length, ended: '' }))) return
    log.info({ job: id, worker: owner, sectors: job.sectors, faults: faults.length }, 'sectors read for a window PoSt')
    await repository.end(jobs => void jobs.where('task_id', taskId), ENDED.faster, db)
    await this.recount(proofId)
    await this.settle(proofId)
  }

  async #reading({ dueAt, proofId, partitions }: WdPostJob, proofType: string): Promise<WdPoStAllocatedJob['Read']> {
    const { limits, clock, repository } = this.#options
    const allowed = checkLimitMs(limits.PartitionCheckTimeout) * Math.max(1, partitions.length)
    const left = Math.max(0, dueAt - clock.now()) * READ_SHARE
    const prover = (await repository.copies(proofId)).find(({ part }) => part === 'prove')
    const isAlone = drawsForEachSector(proofType) || prover === undefined
    return {
      Sectors: isAlone ? [] : await repository.sectors(prover.id),
      SectorLimit: Math.round(Math.min(checkLimitMs(limits.SingleCheckTimeout), SECTOR_LIMIT_MS)),
      Limit: Math.round(Math.min(allowed, left)),
    }
  }

  /** Those of some sectors of which nothing has been read. */
  async #missing(numbers: readonly number[], challenge: string): Promise<Set<number>> {
    return without(numbers, await this.#vanillas.list(challenge))
  }
}

const without = (numbers: readonly number[], chunks: readonly ChunkInfo[]): Set<number> => {
  const missing = new Set(numbers)
  for (const { sectors } of chunks) for (const number of sectors) missing.delete(number)
  return missing
}
