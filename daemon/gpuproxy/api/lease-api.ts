import type { gpuProxyService } from '../../../rpc-schema/gpuproxy/index.js'
import type { ClaimedTask, TaskClaim, TaskFilter } from '../../../rpc-schema/gpuproxy/lease-methods.js'
import type { ProofHandlers } from '../http/proof-server.js'
import { taskOf } from '../tasks/tasks.js'
import type { Rooms } from './rooms.js'

/** What workers of ours call, and the command line. */
export function leaseApi({ tasks, records }: Rooms): ProofHandlers {
  const handlers = {
    Claim: async ([worker, types, leaseMs]): Promise<ClaimedTask | null> => {
      const job = await tasks.claim(String(worker), types as number[] | null, Number(leaseMs))
      return job === undefined ? null : { task: taskOf(job), fence: job.fence }
    },
    Heartbeat: ([, claims, leaseMs]) => tasks.heartbeat(claims as TaskClaim[], Number(leaseMs)),
    Complete: async ([worker, claim, proof]) => {
      const { id, fence } = claim as TaskClaim
      const outcome = await tasks.complete(String(worker), id, fence, proof as Uint8Array)
      if (outcome === undefined) throw new Error(`not found ${id}`)
      return outcome
    },
    Fail: ([worker, claim, error, forGood]) =>
      tasks.fail(String(worker), claim as TaskClaim, String(error), Boolean(forGood)),
    Release: ([, claim]) => tasks.release(claim as TaskClaim),
    Tasks: ([filter, cursor, limit]) => tasks.page(filter as TaskFilter, cursor as string | null, Number(limit)),
    ShowTask: async ([id]) => (await tasks.show(String(id))) ?? null,
    ResetTasks: ([ids]) => tasks.reset(ids as string[]),
    CancelTasks: ([ids, reason]) => tasks.cancel(ids as string[], String(reason)),
    RemoveTasks: ([ids]) => tasks.remove(ids as string[]),
    WorkerStatistics: () => records.list(),
  } satisfies Record<keyof typeof gpuProxyService.methods, ProofHandlers[string]>
  return Object.fromEntries(Object.entries(handlers).map(([name, handler]) => [`GpuProxy.${name}`, handler]))
}
