import { managerService } from '../../../rpc-schema/manager/index.js'
import { sealyardService } from '../../../rpc-schema/manager/sealyard.js'
import { wdpostMethods } from '../../../rpc-schema/manager/wdpost.js'
import { RPC_ERROR, RpcError } from '../../../rpc-schema/rpc/error.js'
import type { Handlers, Methods } from '../../../rpc-schema/rpc/method.js'
import { bindPart, bindService } from '../../kit/rpc/dispatcher.js'
import { chainApi, operatorApi } from './operator-api.js'
import type { Rooms } from './rooms.js'
import { sealerApi } from './sealer-api.js'
import { sealyardApi } from './sealyard-api.js'
import { sectorListApi } from './sector-list-api.js'
import { storageApi } from './storage-api.js'
import { upgradeApi } from './upgrade-api.js'
import { wdpostApi } from './wdpost-api.js'

type ManagerHandlers = Handlers<typeof managerService.methods>
type AnyHandler = (...args: never[]) => unknown

/** The `Venus.*` methods. Those that this version does not serve are known by name and say so. */
export function bindManagerApi(rooms: Rooms): ReturnType<typeof bindService>[] {
  const served: Partial<ManagerHandlers> = {
    ...sealerApi(rooms),
    ...operatorApi(rooms),
    ...sectorListApi(rooms),
    ...storageApi(rooms),
    ...chainApi(rooms),
    ...upgradeApi(rooms),
    ...(rooms.wdPostJobs && wdpostApi(rooms.wdPostJobs)),
  }
  const timed = allMeasured(served, managerService.methods, rooms)
  const others = Object.keys(managerService.methods).filter(name => !(name in served))
  const refused = Object.fromEntries(others.map(name => [name, () => refuse(name)])) as Partial<ManagerHandlers>
  const own = allMeasured(sealyardApi(rooms), sealyardService.methods, rooms)
  return [bindPart(managerService, timed), bindPart(managerService, refused), bindService(sealyardService, own)]
}

type Watch = Pick<Rooms, 'metrics' | 'writeRefusals'>

const allMeasured = <H extends object>(handlers: H, methods: Methods, watch: Watch): H =>
  Object.fromEntries(
    Object.entries(handlers).map(([name, handler]) => [
      name,
      measured(name, handler as AnyHandler, methods[name]?.permission !== 'read', watch),
    ]),
  ) as H

function refuse(name: string): never {
  const why = name in wdpostMethods ? 'it is served with --worker-prover' : 'it is not served by this version'
  throw new RpcError(RPC_ERROR.methodNotFound, `method '${managerService.namespace}.${name}' not found: ${why}`)
}

function measured(name: string, handler: AnyHandler, writes: boolean, watch: Watch): AnyHandler {
  const { metrics, writeRefusals } = watch
  return async (...args) => {
    const start = performance.now()
    try {
      const result = await handler(...args)
      metrics.request(name, performance.now() - start, true)
      if (writes) writeRefusals.written()
      return result
    } catch (error) {
      metrics.request(name, performance.now() - start, false)
      throw ownError(writeRefusals.told(error))
    }
  }
}

/** The numbers of errors of the chain and the market mean something else to our callers: they pass on as plain errors. */
function ownError(error: unknown): unknown {
  if (!(error instanceof RpcError) || error.code === RPC_ERROR.sectorStateNotFound) return error
  return new RpcError(RPC_ERROR.application, error.message, undefined, { cause: error })
}
