import { type Connection, type ConnectionOptions, connectRpc } from '../../../rpc-schema/rpc/connection.js'
import { type Endpoint, endpointUrl, parseEndpoint } from '../../../rpc-schema/rpc/endpoint.js'
import type { CommonSettings } from '../config/manager-settings.js'

type ApiSettings = CommonSettings['API']

/** A kind of service that the manager calls: where its API is, and how a Venus gateway is told to route to it. */
interface ServiceKind {
  readonly path: string
  readonly namespace: string
}

export const SERVICES = {
  chain: { path: '/rpc/v1', namespace: 'v1.FullNode' },
  messager: { path: '/rpc/v0', namespace: 'messager.IMessager' },
  market: { path: '/rpc/v1', namespace: 'v1.IMarket' },
  gateway: { path: '/rpc/v2', namespace: 'gateway.IGateway' },
} as const satisfies Record<string, ServiceKind>
export type ServiceName = keyof typeof SERVICES

/**
 * The addresses of a service in the order of preference; none when it is not configured. What has no address of its own is reached through the
 * gateways: the chain through any of them, the others through the first.
 */
export function serviceAddresses(name: ServiceName, api: ApiSettings): readonly string[] {
  const gateways = api.Gateway.filter(address => address.trim() !== '')
  switch (name) {
    case 'chain': {
      const own = addressList(api.Chain)
      return own.length > 0 ? own : gateways
    }
    case 'gateway':
      return gateways
    case 'messager':
      return api.Messager === '' ? gateways.slice(0, 1) : [api.Messager]
    case 'market':
      return api.Market === '' ? gateways.slice(0, 1) : [api.Market]
  }
}

/** One address, several with commas between them, or a list. */
const addressList = (value: string | readonly string[]): string[] =>
  [value]
    .flat()
    .flatMap(text => text.split(','))
    .map(text => text.trim())
    .filter(text => text !== '')

/**
 * A connection to one address of a service. An address without a transport is a WebSocket's, with `stream` every address is; its own token wins over
 * the one for all.
 */
export function connectService(
  name: ServiceName,
  address: string,
  commonToken: string,
  { stream = false, ...options }: ConnectionOptions & { stream?: boolean } = {},
): Connection {
  const { path, namespace } = SERVICES[name]
  const read = parseEndpoint(address, { path: '', defaultScheme: 'ws' })
  const endpoint = stream ? overWebSocket(read) : read
  const token = endpoint.token ?? (commonToken === '' ? undefined : commonToken)
  return connectRpc(
    { ...endpoint, path: apiPath(endpoint.path, path), token },
    { ...options, headers: { 'X-VENUS-API-NAMESPACE': namespace, ...options.headers } },
  )
}

const overWebSocket = (endpoint: Endpoint): Endpoint => ({
  ...endpoint,
  scheme: endpoint.scheme === 'https' || endpoint.scheme === 'wss' ? 'wss' : 'ws',
})

/** The path of the API goes behind that of the address, unless the address leads to an API already. */
function apiPath(own: string, path: string): string {
  if (/\/rpc\/v\d+\/?$/.test(own)) return own
  return `${own.replace(/\/$/, '')}${path}`
}

/** `http://host:port` of a service that was given in any form. */
export function httpOrigin(address: string): string {
  const endpoint = parseEndpoint(address, { path: '', defaultScheme: 'ws' })
  return new URL(endpointUrl(endpoint, 'http')).origin
}
