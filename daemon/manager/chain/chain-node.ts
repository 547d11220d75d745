import { lotusService } from '../../../rpc-schema/chain/index.js'
import type { NetworkParams } from '../../../rpc-schema/chain/network-params.js'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import { type Connection, type ConnectionOptions, connectRpc } from '../../../rpc-schema/rpc/connection.js'
import { endpointUrl, parseEndpoint } from '../../../rpc-schema/rpc/endpoint.js'
import type { Client } from '../../../rpc-schema/rpc/method.js'

export type ChainApi = Client<typeof lotusService.methods>

/** How a service of the chain is reached: its address as configured, and the token for all when it has none of its own. */
export interface ServiceAddress {
  readonly address: string
  readonly commonToken?: string
  readonly path: string
  /** Which API a Venus cluster is to route the calls to. */
  readonly namespace: string
}

/** A connection to a service of the chain. Multiaddrs without a transport are WebSockets. */
export function connectService(service: ServiceAddress, options: ConnectionOptions = {}): Connection {
  const endpoint = parseEndpoint(service.address, { path: service.path, defaultScheme: 'ws' })
  const token = endpoint.token ?? (service.commonToken === '' ? undefined : service.commonToken)
  return connectRpc(
    { ...endpoint, token },
    { ...options, headers: { 'X-VENUS-API-NAMESPACE': service.namespace, ...options.headers } },
  )
}

/** `http://host:port` of a service that was given in any form. */
export function httpOrigin(address: string): string {
  const endpoint = parseEndpoint(address, { path: '', defaultScheme: 'ws' })
  return new URL(endpointUrl(endpoint, 'http')).origin
}

/** The chain node, and what never changes while it runs. */
export class ChainNode {
  readonly api: ChainApi
  readonly #connection: Connection
  #params: Promise<NetworkParams> | undefined

  constructor(connection: Connection) {
    this.#connection = connection
    this.api = rpcClient(lotusService, connection)
  }

  static connect(address: string, commonToken?: string): ChainNode {
    const service = { address, path: '/rpc/v1', namespace: 'v1.FullNode', ...(commonToken && { commonToken }) }
    return new ChainNode(connectService(service))
  }

  get url(): string {
    return this.#connection.url
  }

  /** Whether the node tells of new heads by itself. */
  get hasStreams(): boolean {
    return this.url.startsWith('ws')
  }

  params(): Promise<NetworkParams> {
    this.#params ??= this.api.StateGetNetworkParams().catch((error: unknown) => {
      this.#params = undefined
      throw error
    })
    return this.#params
  }

  close(): Promise<void> {
    return this.#connection.close()
  }
}
