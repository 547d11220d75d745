import { z } from 'zod'
import { method, param } from '../rpc/method.js'
import { Null, orNull } from '../rpc/zero-value.js'
import { Base64Bytes, Commitment } from '../wire/bytes.js'
import { Task, TaskState, TaskType, WorkerState } from './task.js'

const worker = param('worker_id_arg', z.string())
const miner = param('miner', z.string())
const tid = param('tid', z.string())
const id = param('id', z.string())
const write = { permission: 'write' } as const
const admin = { permission: 'admin' } as const

/** What plugins and workers of every version call. */
export const proofMethods = {
  SubmitC2Task: method(
    'Adds a C2 task from the output of C1; the id of the task. One that is there already stays as it is.',
    [
      param('phase1_output', Base64Bytes),
      miner,
      param('comment', z.string()),
      param('prover_id', Commitment),
      param('sector_id', z.int().nonnegative()),
    ],
    z.string(),
    write,
  ),
  AddTask: method(
    'The same with everything that C2 needs in one document: `{prover_id, sector_id, c1out}`.',
    [miner, param('comment', z.string()), param('task_type', TaskType), param('param', Base64Bytes)],
    z.string(),
    write,
  ),
  GetTask: method('A task, with its proof when there is one.', [id], Task),
  FetchTodo: method(
    'Gives a waiting task to a worker.',
    [worker, param('types', orNull(z.array(TaskType)), { optional: true })],
    Task,
    write,
  ),
  FetchUncomplete: method('The tasks that a worker has and has not finished.', [worker], z.array(Task)),
  RecordProof: method('Hands in a proof.', [worker, tid, param('proof', Base64Bytes)], Null, write),
  RecordError: method('Tells why there is no proof.', [worker, tid, param('err_msg', z.string())], Null, write),
  ListTask: method(
    'All tasks of a worker, in some states; the newest first.',
    [
      param('worker_id_arg', orNull(z.string()), { optional: true }),
      param('state', orNull(z.array(TaskState)), { optional: true }),
    ],
    z.array(Task),
  ),
  UpdateStatusById: method(
    'Makes tasks wait again (1), or stops them from being tried (3). Plugins do the first with tasks that have failed.',
    [param('tids', z.array(z.string())), param('status', TaskState)],
    Null,
    write,
  ),
  ReportWorkerInfo: method(
    'Tells that a worker is alive; renews the leases of its tasks.',
    [worker, param('ips', z.string()), param('support_types', z.string())],
    Null,
    write,
  ),
  GetResourceInfo: method('What a task is to be made from.', [param('resource_id_arg', z.string())], Base64Bytes),
  ListWorker: method('All workers, the newest first.', [], z.array(WorkerState)),
  DeleteWorkerByWorkerId: method('Forgets a worker.', [worker], Null, admin),
  DeleteWorkerById: method('Forgets a worker.', [id], Null, admin),
  GetWorkerByWorkerId: method('One worker.', [worker], WorkerState),
  GetWorkerById: method('One worker.', [id], WorkerState),
  GetOfflineWorker: method(
    'Workers that have not been heard of for so many seconds.',
    [param('dur', z.int())],
    z.array(WorkerState),
  ),
} as const
