import { managerService } from '../../rpc-schema/manager/index.js'
import { rpcClient } from '../../rpc-schema/rpc/client.js'
import { type Connection, connectRpc } from '../../rpc-schema/rpc/connection.js'
import type { Logger } from '../kit/log.js'
import { DealMarket } from './allocation/market.js'
import { connectService, serviceAddresses } from './chain/services.js'
import type { Closing } from './closing.js'
import type { ManagerSetup } from './config/load-settings.js'
import { RPC_PATH } from './http/rpc-path.js'
import type { ManagerOptions } from './manager-options.js'
import { ProxiedIndex } from './storage/proxied-index.js'
import type { SectorIndex } from './storage/sector-index.js'

/** The manager whose sector index is read instead of ours: with `--proxy`. */
export function connectProxy(proxy: NonNullable<ManagerOptions['proxy']>, closing: Closing): SectorIndex {
  const { address, token } = proxy
  const connection = connectRpc(address, { path: RPC_PATH, ...(token !== undefined && { token }) })
  closing.push(() => connection.close())
  return new ProxiedIndex(rpcClient(managerService, connection), address)
}

/** Undefined where the configuration names none. */
export function connectMessager(setup: ManagerSetup, closing: Closing): Connection | undefined {
  const [address] = serviceAddresses('messager', setup.common.API)
  if (address === undefined) return undefined
  const connection = connectService('messager', address, setup.common.API.Token)
  closing.push(() => connection.close())
  return connection
}

/** Undefined where the configuration names none. */
export function connectMarket(setup: ManagerSetup, log: Logger, closing: Closing): DealMarket | undefined {
  const [address] = serviceAddresses('market', setup.common.API)
  if (address === undefined) return undefined
  const connection = connectService('market', address, setup.common.API.Token)
  closing.push(() => connection.close())
  return new DealMarket(connection, log)
}
