import { lotusService } from '../../../rpc-schema/chain/index.js'
import type { NetworkParams } from '../../../rpc-schema/chain/network-params.js'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import type { Connection, ConnectionOptions } from '../../../rpc-schema/rpc/connection.js'
import type { Client } from '../../../rpc-schema/rpc/method.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import { EndpointPool, type EndpointPoolOptions, hasStreams } from './endpoint-pool.js'
import { connectService } from './services.js'

export type ChainApi = Client<typeof lotusService.methods>

export interface ChainNodeOptions extends Pick<EndpointPoolOptions, 'lookMs'>, ConnectionOptions {
  /** For the endpoints that have none of their own. */
  token: string
  clock: Clock
  log: Logger
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

  /** One node, or several of one chain that stand in for one another. */
  static connect(addresses: readonly string[], options: ChainNodeOptions): ChainNode {
    const { token, clock, log, lookMs, ...rest } = options
    const connections = addresses.map(address => connectService('chain', address, token, rest))
    return new ChainNode(new EndpointPool({ connections, clock, log, ...(lookMs !== undefined && { lookMs }) }))
  }

  get url(): string {
    return this.#connection.url
  }

  /** Whether the node tells of new heads by itself. */
  get hasStreams(): boolean {
    return hasStreams(this.#connection)
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
