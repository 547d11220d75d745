import { gatewayService } from '../../../rpc-schema/chain/gateway.js'
import { marketService } from '../../../rpc-schema/chain/market.js'
import { type Endpoint, parseEndpoint } from '../../../rpc-schema/rpc/endpoint.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import { connectService, SERVICES, type ServiceName, serviceAddresses } from '../chain/services.js'
import type { MinerSetup } from '../config/load-settings.js'
import type { CommonSettings } from '../config/manager-settings.js'
import { type EventSource, MarketEvents } from './market-events.js'
import type { UnsealDesk } from './unseal-desk.js'

type ApiSettings = CommonSettings['API']

/** Where unsealed pieces are sent to for the market. */
export function marketEndpoint(api: ApiSettings): Endpoint | undefined {
  const [address] = serviceAddresses('market', api)
  if (address === undefined) return undefined
  const endpoint = parseEndpoint(address, { path: SERVICES.market.path, defaultScheme: 'ws' })
  return endpoint.token === undefined && api.Token !== '' ? { ...endpoint, token: api.Token } : endpoint
}

/** The market, if it has an address of its own, and every gateway may ask for pieces. */
export function marketEvents(
  { unsealDesk, miners }: { unsealDesk: UnsealDesk; miners: ReadonlyMap<number, MinerSetup> },
  api: ApiSettings,
  clock: Clock,
  log: Logger,
): MarketEvents {
  const source = (name: ServiceName, address: string, namespace: string): EventSource => ({
    connection: connectService(name, address, api.Token, { stream: true }),
    namespace,
  })
  const sources = [
    ...(api.Market === '' ? [] : [source('market', api.Market, marketService.namespace)]),
    ...serviceAddresses('gateway', api).map(address => source('gateway', address, gatewayService.namespace)),
  ]
  return new MarketEvents({ sources, miners: [...miners.keys()], desk: unsealDesk, clock, log })
}
