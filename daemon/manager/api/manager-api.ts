import { managerService } from '../../../rpc-schema/manager/index.js'
import { RPC_ERROR, RpcError } from '../../../rpc-schema/rpc/error.js'
import type { Handlers } from '../../../rpc-schema/rpc/method.js'
import { bindPart, type bindService } from '../../kit/rpc/dispatcher.js'
import type { ManagerMetrics } from '../http/metrics.js'
import { chainApi, operatorApi } from './operator-api.js'
import type { Rooms } from './rooms.js'
import { sealerApi } from './sealer-api.js'

type ManagerHandlers = Handlers<typeof managerService.methods>
type AnyHandler = (...args: never[]) => unknown

/** The `Venus.*` methods. Those that this version does not serve are known by name and say so. */
export function bindManagerApi(rooms: Rooms): ReturnType<typeof bindService>[] {
  const served: Partial<ManagerHandlers> = { ...sealerApi(rooms), ...operatorApi(rooms), ...chainApi(rooms) }
  const timed = Object.fromEntries(
    Object.entries(served).map(([name, handler]) => [name, measured(name, handler as AnyHandler, rooms.metrics)]),
  ) as Partial<ManagerHandlers>
  const others = Object.keys(managerService.methods).filter(name => !(name in served))
  const refused = Object.fromEntries(others.map(name => [name, () => refuse(name)])) as Partial<ManagerHandlers>
  return [bindPart(managerService, timed), bindPart(managerService, refused)]
}

function refuse(name: string): never {
  throw new RpcError(
    RPC_ERROR.methodNotFound,
    `method '${managerService.namespace}.${name}' not found: it is not served by this version`,
  )
}

function measured(name: string, handler: AnyHandler, metrics: ManagerMetrics): AnyHandler {
  return async (...args) => {
    const start = performance.now()
    try {
      const result = await handler(...args)
      metrics.request(name, performance.now() - start, true)
      return result
    } catch (error) {
      metrics.request(name, performance.now() - start, false)
      throw ownError(error)
    }
  }
}

/** The numbers of errors of the chain and the market mean something else to our callers: they pass on as plain errors. */
function ownError(error: unknown): unknown {
  if (!(error instanceof RpcError) || error.code === RPC_ERROR.sectorStateNotFound) return error
  return new RpcError(RPC_ERROR.application, error.message, undefined, { cause: error })
}
