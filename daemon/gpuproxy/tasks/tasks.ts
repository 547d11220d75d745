import type { Knex } from 'knex'
import { ARCHIVE, TASKS } from '../../../migrations/gpuproxy/task-table.js'
import type {
  AfterError,
  ProofOutcome,
  QueuedTask,
  TaskFilter,
  TaskPage,
} from '../../../rpc-schema/gpuproxy/lease-methods.js'
import { TASK_STATE, TASK_TYPE, type Task, type TaskState } from '../../../rpc-schema/gpuproxy/task.js'
import { taskIdOf } from '../../../rpc-schema/gpuproxy/task-ids.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import type { Address } from '../../../rpc-schema/wire/address.js'
import type { Clock } from '../../kit/clock.js'
import { fitting, hotRows } from '../../kit/database.js'
import type { GroupCommit } from '../../kit/group-commit.js'
import type { Logger } from '../../kit/log.js'
import { type Claim, JobQueue } from '../../kit/queue/job-queue.js'
import type { Job, JobState, Row } from '../../kit/queue/job-table.js'
import type { RetryPolicy } from '../../kit/queue/retry-policy.js'
import { type C2Input, C2Outline } from '../resources/c2-resource.js'
import type { ResourceStore } from '../resources/resource-store.js'
import type { WorkerRecords } from '../workers/worker-record.js'
import type { ProofCheck, ProofVerdict } from './proof-check.js'
import { StatementRepository } from './statement-repository.js'

export interface TasksOptions {
  db: Knex
  commits: GroupCommit
  resources: ResourceStore
  proofs: ProofCheck
  workers: WorkerRecords
  retry: RetryPolicy
  clock: Clock
  log: Logger
  /** Told of what happens, for the metrics. */
  onEvent?: (event: TaskEvent, workerId: string) => void
}

export type TaskEvent = 'added' | 'claimed' | 'proven' | 'failed' | 'parked' | 'expired' | 'invalid'

/** Nothing that this server can give away. */
const KINDS = Object.values(TASK_TYPE)
const COMMENT_COLUMN = 255
const PAGE = 500

/** Tasks from their submission to their proof. */
export class Tasks {
  readonly #options: TasksOptions
  readonly #queue: JobQueue
  readonly #statements: StatementRepository

  constructor(options: TasksOptions) {
    this.#options = options
    const { db, retry, clock, commits } = options
    this.#queue = new JobQueue({ db, table: TASKS, retry, clock, commits })
    this.#statements = new StatementRepository(db)
  }

  /** The id of the task. The document is stored before the task is: a task that is there has one. */
  async add(miner: Address, comment: string, { resourceId, statement, store }: C2Input): Promise<string> {
    const { commits, onEvent } = this.#options
    const id = taskIdOf(miner, TASK_TYPE.c2, resourceId)
    const known = (await this.#queue.find(id)) ?? (await this.#archived(id))
    if (known?.state === 'done') return id
    await store()
    const values = { resource_id: resourceId, proof: Buffer.alloc(0), comment: fitting(comment, COMMENT_COLUMN) }
    const added = await commits.run(async trx => {
      await this.#statements.put(id, statement, trx)
      return this.#queue.add({ id, group: storedMiner(miner), kind: TASK_TYPE.c2 }, values, trx)
    })
    if (added) onEvent?.('added', '')
    return id
  }

  async find(id: string): Promise<Task | undefined> {
    const job = (await this.#queue.find(id)) ?? (await this.#archived(id))
    return job && taskOf(job)
  }

  async show(id: string): Promise<QueuedTask | undefined> {
    const job = await this.#queue.find(id)
    return job && queuedOf(job)
  }

  /** The next task for a worker; undefined when there is none, or the worker is on probation. */
  async claim(workerId: string, types: readonly number[] | null, leaseMs: number): Promise<(Job & Claim) | undefined> {
    const { workers, clock, onEvent } = this.#options
    if ((await workers.probationUntil(workerId)) > clock.now()) return undefined
    const kinds = types === null ? KINDS : KINDS.filter(kind => types.includes(kind))
    const job = await this.#queue.claim({ owner: workerId, kinds, leaseMs }, trx => workers.claimed(workerId, trx))
    if (job === undefined) return undefined
    onEvent?.('claimed', workerId)
    return job
  }

  /** Ids of the tasks that are no longer the worker's. */
  async heartbeat(claims: readonly Claim[], leaseMs: number): Promise<string[]> {
    const good = await Promise.all(claims.map(claim => this.#queue.heartbeat(claim, leaseMs)))
    return claims.filter((_, at) => !good[at]).map(({ id }) => id)
  }

  heartbeatOwner(workerId: string, leaseMs: number): Promise<number> {
    return this.#queue.heartbeatOwner(workerId, leaseMs)
  }

  /**
   * Takes a proof, once. One that verifies is good whoever brings it and however late; one that cannot be checked here is taken under a good claim only;
   * one that does not verify costs its worker the task, and for a while all others. Undefined for an unknown task.
   */
  async complete(
    workerId: string,
    id: string,
    fence: number | undefined,
    proof: Uint8Array,
  ): Promise<ProofOutcome | undefined> {
    const job = await this.#queue.find(id)
    if (job === undefined) return undefined
    if (job.state === 'done') return 'known'
    const verdict = await this.#verdict(job, proof)
    const good = job.state === 'running' && job.owner === workerId && (fence === undefined || fence === job.fence)
    if (verdict === 'invalid') {
      await this.#invalid(workerId, job, good)
      return 'invalid'
    }
    if (verdict === 'unknown' && !good) return 'stale'
    return this.#record(workerId, job, verdict, proof)
  }

  /** `forGood`: no further attempt would end differently. Nothing changes under a claim that is not good any more. */
  async fail(workerId: string, claim: Claim, error: string, forGood: boolean): Promise<AfterError> {
    const { workers, log, onEvent } = this.#options
    const became = await this.#queue.fail(claim, error, { forGood })
    if (became === 'stale') return became
    await workers.failed(workerId)
    onEvent?.('failed', workerId)
    if (became === 'parked') onEvent?.('parked', workerId)
    log.warn({ task: claim.id, worker: workerId, became }, `task failed: ${error}`)
    return became
  }

  /** What a worker has, as it asks after its restart. */
  async running(workerId: string): Promise<Task[]> {
    const found = await this.#all({ states: ['running'], owners: [workerId] })
    return found.reverse().map(taskOf)
  }

  /** The claim that a worker without fences has on a task. */
  async claimOf(workerId: string, id: string): Promise<Claim | undefined> {
    const job = await this.#queue.find(id)
    return job?.state === 'running' && job.owner === workerId ? job : undefined
  }

  release(claim: Claim): Promise<boolean> {
    return this.#queue.release(claim)
  }

  async list(workerId: string | null, states: readonly TaskState[] | null): Promise<Task[]> {
    const found = await this.#all({
      ...(workerId !== null && { owners: [workerId] }),
      ...(states !== null && { states: states.flatMap(stateOf) }),
    })
    return found.map(taskOf)
  }

  async page(filter: TaskFilter, cursor: string | null, limit: number): Promise<TaskPage> {
    const { jobs, next } = await this.#queue.list(
      {
        ...(filter.states !== null && { states: filter.states.flatMap(stateOf) }),
        ...(filter.miners !== null && { groups: filter.miners.map(miner => miner.replace(/^[ft](?=\d)/, '')) }),
        ...(filter.workers !== null && { owners: filter.workers }),
      },
      { limit, cursor: cursor ?? undefined },
    )
    return { tasks: jobs.map(queuedOf), next: next ?? null }
  }

  count(): Promise<Readonly<Record<JobState, number>>> {
    return this.#queue.count()
  }

  reset(ids: readonly string[]): Promise<number> {
    return this.#queue.reset(ids)
  }

  cancel(ids: readonly string[], reason: string): Promise<number> {
    return this.#queue.park(ids, reason)
  }

  /** With the documents that no other task is made from. */
  async remove(ids: readonly string[]): Promise<number> {
    const { commits } = this.#options
    const jobs = (await Promise.all(ids.map(id => this.#queue.find(id)))).filter(job => job !== undefined)
    const archived = await commits.run(trx => trx(ARCHIVE).whereIn('id', ids).delete())
    const removed = archived + (await this.#queue.remove(ids))
    await this.#statements.remove(ids)
    for (const job of jobs) await this.#dropResource(job)
    return removed
  }

  /** Nothing is taken back from anybody for so long, ms. */
  async grace(ms: number): Promise<void> {
    await this.#queue.extend(ms)
  }

  /** Takes back what silent workers have. */
  async expire(): Promise<void> {
    const { log, onEvent } = this.#options
    for (const { job, became } of await this.#queue.expire()) {
      onEvent?.('expired', job.owner)
      if (became === 'parked') onEvent?.('parked', job.owner)
      log.warn(
        { task: job.id, worker: job.owner, attempts: job.attempts, became },
        'a worker was not heard of any more',
      )
    }
  }

  /** Moves finished tasks away, and removes documents that nobody needs any more; both after some time, ms. */
  async tidy({ archiveAfterMs, orphanAfterMs }: { archiveAfterMs: number; orphanAfterMs: number }): Promise<void> {
    const { clock, resources, log } = this.#options
    const archived = await this.#queue.archive(ARCHIVE, clock.now() - archiveAfterMs)
    if (archived > 0) log.info({ tasks: archived }, 'finished tasks archived')
    for (const id of await resources.olderThan(clock.now() - orphanAfterMs)) {
      if (!(await this.#isNeeded(id))) await resources.remove(id)
    }
  }

  async #verdict(job: Job, proof: Uint8Array): Promise<ProofVerdict> {
    const statement = (await this.#statements.find(job.id)) ?? (await this.#statementFromResource(job))
    return statement === undefined ? 'unknown' : this.#options.proofs.check(statement, proof)
  }

  /** For tasks that another version has added. */
  async #statementFromResource(job: Job): Promise<C2Input['statement'] | undefined> {
    try {
      const resource = await this.#options.resources.open(String(job.row.resource_id))
      if (resource === undefined) return undefined
      const outline = new C2Outline()
      for await (const chunk of resource.stream() as AsyncIterable<Buffer>) outline.write(chunk)
      const statement = outline.end()
      await this.#statements.put(job.id, statement)
      return statement
    } catch (error) {
      this.#options.log.warn(
        { err: error, task: job.id },
        `what its proof is to prove is not known: ${errorText(error)}`,
      )
      return undefined
    }
  }

  async #record(workerId: string, job: Job, verdict: ProofVerdict, proof: Uint8Array): Promise<ProofOutcome> {
    const { commits, workers, clock, log, onEvent } = this.#options
    const which = verdict === 'valid' ? { id: job.id } : job
    const tookMs = job.startedAt > 0 ? clock.now() - job.startedAt : 0
    const recorded = await commits.run(async trx => {
      const done = await this.#queue.complete(which, workerId, { proof: Buffer.from(proof) }, trx)
      if (done) await workers.proven(workerId, tookMs, trx)
      return done
    })
    if (!recorded) return verdict === 'valid' ? 'known' : 'stale'
    onEvent?.('proven', workerId)
    log.info({ task: job.id, worker: workerId, tookMs, verdict }, `worker ${workerId} completed ${job.id} success`)
    await this.#dropResource(job).catch((error: unknown) =>
      log.warn({ err: error, task: job.id }, `its document stays for now: ${errorText(error)}`),
    )
    return 'recorded'
  }

  async #invalid(workerId: string, job: Job, isOwner: boolean): Promise<void> {
    const { workers, log, onEvent } = this.#options
    const until = await workers.invalid(workerId)
    if (isOwner) await this.#queue.fail(job, `the proof of worker ${workerId} does not verify`)
    onEvent?.('invalid', workerId)
    log.error(
      { task: job.id, worker: workerId, probationUntil: new Date(until).toISOString() },
      'a proof does not verify: its worker gets no tasks for a while',
    )
  }

  async #dropResource(job: Job): Promise<void> {
    const id = String(job.row.resource_id)
    if (!(await this.#isNeeded(id))) await this.#options.resources.remove(id)
  }

  /** Whether a task that is not done is made from it; tasks of two miners may be made from the same bytes. */
  async #isNeeded(resourceId: string): Promise<boolean> {
    const [row] = await hotRows(this.#options.db, 'select id from tasks where resource_id = ? and state <> ? limit 1', [
      resourceId,
      TASK_STATE.completed,
    ])
    return row !== undefined
  }

  async #archived(id: string): Promise<Job | undefined> {
    const [row] = await hotRows<Row>(this.#options.db, `select * from ${ARCHIVE} where id = ?`, [id])
    return row && this.#queue.jobOf(row)
  }

  async #all(filter: Parameters<JobQueue['list']>[0]): Promise<Job[]> {
    const found: Job[] = []
    let cursor: string | undefined
    do {
      const page = await this.#queue.list(filter, { limit: PAGE, cursor })
      found.push(...page.jobs)
      cursor = page.next
    } while (cursor !== undefined)
    return found
  }
}

/** As the database has it: without the network's character. */
const storedMiner = (miner: Address): string => miner.toString('f').slice(1)

const stateOf = (state: TaskState): JobState[] => {
  const found = (Object.entries(TASKS.states) as [JobState, number][]).find(([, number]) => number === state)
  return found ? [found[0]] : []
}

const common = ({ id, group, owner, error, row, state, createdAt, startedAt, finishedAt }: Job) => ({
  id,
  miner: group,
  resourceId: String(row.resource_id),
  workerId: owner,
  taskType: TASK_TYPE.c2,
  errorMsg: error,
  comment: String(row.comment ?? ''),
  state: TASKS.states[state] as TaskState,
  createAt: createdAt / 1000,
  startAt: startedAt / 1000,
  completeAt: finishedAt / 1000,
})

const proofOf = (job: Job): Uint8Array => new Uint8Array(job.row.proof as Uint8Array)

export const taskOf = (job: Job): Task => {
  const { id, miner, resourceId, ...rest } = common(job)
  return { id, miner, resourceId, proof: proofOf(job), ...rest }
}

const queuedOf = (job: Job): QueuedTask => ({
  ...common(job),
  proven: proofOf(job).length > 0,
  attempts: job.attempts,
  fence: job.fence,
  leaseUntil: job.leaseUntil,
  notBefore: job.notBefore,
})
