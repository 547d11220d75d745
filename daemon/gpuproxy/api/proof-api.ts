import type { proofService } from '../../../rpc-schema/gpuproxy/index.js'
import { TASK_STATE, type Task, type TaskState, type WorkerState } from '../../../rpc-schema/gpuproxy/task.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { ParamsError, type ProofHandlers } from '../http/proof-server.js'
import { taskOf } from '../tasks/tasks.js'
import type { Rooms } from './rooms.js'

type Method = keyof typeof proofService.methods

const notFound = (what: string): Error => new Error(`not found ${what}`)

/** What plugins and workers of every version call; `GetResourceInfo` is answered by the server itself. */
export function proofApi({ tasks, workers, leaseMs, log }: Rooms): ProofHandlers {
  const found = <T>(value: T | undefined, what: string): T => {
    if (value === undefined) throw notFound(what)
    return value
  }
  const add: ProofHandlers[string] = ([miner, comment, type], input) => {
    if (type !== 0) throw new ParamsError(`invalid value: ${JSON.stringify(type)}, expected 0`)
    return tasks.add(minerOf(miner), String(comment ?? ''), input!)
  }
  const handlers = {
    AddTask: add,
    SubmitC2Task: add,
    GetTask: async ([id]) => found(await tasks.find(String(id)), String(id)),
    FetchTodo: async ([worker, types]): Promise<Task> => {
      const job = await tasks.claim(String(worker), types as number[] | null, leaseMs)
      if (job === undefined) throw new Error('RecordNotFound Error: no task to do for worker')
      return taskOf(job)
    },
    FetchUncomplete: async ([worker]) => {
      // Whoever asks for what it has is alive, and goes on with it.
      await tasks.heartbeatOwner(String(worker), leaseMs)
      return tasks.running(String(worker))
    },
    RecordProof: async ([worker, id, proof]) => {
      const outcome = found(
        await tasks.complete(String(worker), String(id), undefined, proof as Uint8Array),
        String(id),
      )
      if (outcome === 'invalid') throw new Error(`the proof of task ${id} does not verify`)
      if (outcome === 'stale') log.warn({ task: id, worker }, 'a proof came from a worker that the task was taken from')
    },
    RecordError: async ([worker, id, error]) => {
      const claim = await tasks.claimOf(String(worker), String(id))
      if (claim !== undefined) await tasks.fail(String(worker), claim, String(error), false)
    },
    ListTask: ([worker, states]) => tasks.list(worker as string | null, states as TaskState[] | null),
    UpdateStatusById: async ([ids, state]) => {
      if (state === TASK_STATE.init) await tasks.reset(ids as string[])
      else if (state === TASK_STATE.error) await tasks.cancel(ids as string[], 'stopped by an operator')
      else throw new Error(`a task comes into state ${state} by its worker only: expected 1 (wait again) or 3 (stop)`)
    },
    ReportWorkerInfo: async ([worker, ips, types]) => {
      await workers.report(String(worker), String(ips), String(types))
      await tasks.heartbeatOwner(String(worker), leaseMs)
    },
    ListWorker: () => workers.list(),
    GetOfflineWorker: ([seconds]) => workers.offline(Number(seconds)),
    DeleteWorkerByWorkerId: ([worker]) => workers.remove({ worker_id: String(worker) }),
    DeleteWorkerById: ([id]) => workers.remove({ id: String(id) }),
    GetWorkerByWorkerId: async ([worker]): Promise<WorkerState> =>
      found(await workers.find({ worker_id: String(worker) }), `${worker}worker id`),
    GetWorkerById: async ([id]): Promise<WorkerState> => found(await workers.find({ id: String(id) }), String(id)),
  } satisfies Record<Exclude<Method, 'GetResourceInfo'>, ProofHandlers[string]>
  return Object.fromEntries(Object.entries(handlers).map(([name, handler]) => [`Proof.${name}`, handler]))
}

/** The texts are the original's. */
function minerOf(text: unknown): Address {
  try {
    return Address.parse(String(text))
  } catch (error) {
    const reason = (error as Error).message
    if (/network prefix|too short/.test(reason)) throw new ParamsError('Unknown address network')
    if (/checksum/.test(reason)) throw new ParamsError('Invalid address checksum')
    if (/protocol/.test(reason)) throw new ParamsError('Unknown address protocol')
    if (/length/.test(reason)) throw new ParamsError('Invalid address length')
    throw new ParamsError('Invalid address payload')
  }
}
