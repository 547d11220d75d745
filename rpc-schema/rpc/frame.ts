import { RPC_ERROR, RpcError, RpcTransportError } from './error.js'

/** What a JSON-RPC 2.0 server sends back for one request. */
export interface ResponseFrame {
  jsonrpc: '2.0'
  id: number | string | null
  result?: unknown
  error?: { code: number; message: string; data?: unknown }
}

export interface RequestFrame {
  jsonrpc: '2.0'
  id?: number | string | null
  method: string
  params: readonly unknown[]
}

/** go-jsonrpc's own methods for results that are channels. */
export const CHANNEL = { value: 'xrpc.ch.val', close: 'xrpc.ch.close', cancel: 'xrpc.cancel' } as const

/** The result of a response, or the error in it thrown. A method without a result is answered without the member. */
export function resultOf(url: string, method: string, frame: unknown): unknown {
  if (typeof frame !== 'object' || frame === null || !('result' in frame || 'error' in frame || 'jsonrpc' in frame)) {
    throw new RpcTransportError(url, `${method}: ${url} answered with something that is not a JSON-RPC response`)
  }
  const { error, result } = frame as Partial<ResponseFrame>
  if (error === undefined || error === null) return result
  throw new RpcError(error.code ?? RPC_ERROR.internal, error.message ?? 'error without a message', error.data)
}
