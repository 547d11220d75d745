import { gpuProxyService, proofService } from '../../../rpc-schema/gpuproxy/index.js'
import type { AfterError, ProofOutcome } from '../../../rpc-schema/gpuproxy/lease-methods.js'
import type { Task } from '../../../rpc-schema/gpuproxy/task.js'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import type { Connection } from '../../../rpc-schema/rpc/connection.js'
import { RPC_ERROR, RpcError } from '../../../rpc-schema/rpc/error.js'

/** A task that is a worker's for now. `fence` is 0 where the server knows none. */
export interface GivenTask {
  readonly task: Task
  readonly fence: number
}

/** Which task, under which claim. */
export interface Claim {
  readonly id: string
  readonly fence: number
}

/** Where tasks come from and results go to. Every call may fail for want of a connection, and may be made again. */
export interface TaskSource {
  /** Undefined when there is none. */
  claim(types: readonly 0[] | null): Promise<GivenTask | undefined>
  /** What this worker had when it was last seen. */
  unfinished(): Promise<GivenTask[]>
  /** Tells that the worker lives; the ids of tasks that are no longer its. */
  report(claims: readonly Claim[], ips: string, types: string): Promise<readonly string[]>
  document(resourceId: string): Promise<Uint8Array>
  record(claim: Claim, proof: Uint8Array): Promise<ProofOutcome>
  fail(claim: Claim, error: string, forGood: boolean): Promise<AfterError>
  /** Gives a task back that will not be worked on. */
  release(claim: Claim): Promise<void>
}

const NO_TASK = /RecordNotFound/

/** By the methods of every server: what is running belongs to its worker until somebody else says otherwise. */
export function plainSource(connection: Connection, workerId: string): TaskSource {
  const api = rpcClient(proofService, connection)
  return {
    claim: async types => {
      try {
        return { task: await api.FetchTodo(workerId, types === null ? null : [...types]), fence: 0 }
      } catch (error) {
        if (error instanceof RpcError && NO_TASK.test(error.message)) return undefined
        throw error
      }
    },
    unfinished: async () => (await api.FetchUncomplete(workerId)).map(task => ({ task, fence: 0 })),
    report: async (_, ips, types) => {
      await api.ReportWorkerInfo(workerId, ips, types)
      return []
    },
    document: id => api.GetResourceInfo(id),
    record: async ({ id }, proof) => {
      await api.RecordProof(workerId, id, proof)
      return 'recorded'
    },
    fail: async ({ id }, error) => {
      await api.RecordError(workerId, id, error)
      return 'parked'
    },
    release: () => Promise.resolve(),
  }
}

/** By leases, which end when this worker is not heard of any more. */
export function leasedSource(connection: Connection, workerId: string, leaseMs: number): TaskSource {
  const plain = plainSource(connection, workerId)
  const api = rpcClient(gpuProxyService, connection)
  return {
    ...plain,
    claim: async types => {
      const given = await api.Claim(workerId, types === null ? null : [...types], leaseMs)
      return given ?? undefined
    },
    unfinished: async () => {
      const tasks = await plain.unfinished()
      const queued = await Promise.all(tasks.map(({ task }) => api.ShowTask(task.id)))
      return tasks.flatMap(({ task }, at) => (queued[at] ? [{ task, fence: queued[at].fence }] : []))
    },
    report: async (claims, ips, types) => {
      // First: it gives workers without leases minutes more, which is not how long ours may be silent.
      await plain.report(claims, ips, types)
      return claims.length === 0 ? [] : api.Heartbeat(workerId, [...claims], leaseMs)
    },
    record: (claim, proof) => api.Complete(workerId, claim, proof),
    fail: (claim, error, forGood) => api.Fail(workerId, claim, error, forGood),
    release: async claim => void (await api.Release(workerId, claim)),
  }
}

/** Leases where the server has them. Rejects when the server cannot be reached. */
export async function taskSource(connection: Connection, workerId: string, leaseMs: number): Promise<TaskSource> {
  try {
    await rpcClient(gpuProxyService, connection).Heartbeat(workerId, [], leaseMs)
    return leasedSource(connection, workerId, leaseMs)
  } catch (error) {
    if (error instanceof RpcError && error.code === RPC_ERROR.methodNotFound) return plainSource(connection, workerId)
    throw error
  }
}
