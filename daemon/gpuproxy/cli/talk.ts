import { gpuProxyService, proofService } from '../../../rpc-schema/gpuproxy/index.js'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import { connectRpc } from '../../../rpc-schema/rpc/connection.js'
import { RpcTransportError } from '../../../rpc-schema/rpc/error.js'
import type { Client } from '../../../rpc-schema/rpc/method.js'
import { serverUrl } from './options.js'

export interface ProxyClient {
  readonly proof: Client<typeof proofService.methods>
  readonly queue: Client<typeof gpuProxyService.methods>
}

export type Talk = (action: (proxy: ProxyClient) => Promise<void>) => Promise<void>

/** Calls a running gpuproxy; says what to do when there is none. */
export const talkTo =
  (urlOf: () => { url: string; token?: string }): Talk =>
  async action => {
    const { url, token } = urlOf()
    const connection = connectRpc(serverUrl(url), { path: '/', ...(token !== undefined && { token }) })
    try {
      await action({ proof: rpcClient(proofService, connection), queue: rpcClient(gpuProxyService, connection) })
    } catch (error) {
      if (!(error instanceof RpcTransportError)) throw error
      throw new Error(`cannot talk to gpuproxy: ${error.message}; is it running there? Say where with --url`, {
        cause: error,
      })
    } finally {
      await connection.close()
    }
  }

export const say = (text: string): void => void process.stdout.write(`${text}\n`)
