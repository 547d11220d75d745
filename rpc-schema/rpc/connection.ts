import { type Endpoint, isWebSocket, parseEndpoint } from './endpoint.js'
import { HttpConnection } from './http-connection.js'
import { WebSocketConnection } from './ws-connection.js'

export interface ConnectionOptions {
  /** Sent as `Authorization: Bearer …`; wins over a token inside the address. */
  token?: string
  headers?: Readonly<Record<string, string>>
  /** The longest a call may take before it fails, ms. */
  timeoutMs?: number
  /** WebSocket: pause between two pings; a peer that has not answered one by the next is gone. */
  heartbeatMs?: number
  /** Path of the API when the address has none. */
  path?: string
  /** Scheme of an address that names none. */
  defaultScheme?: Endpoint['scheme']
}

/** A way to call one JSON-RPC server. Connects when first used and again after a loss; calls in flight at a loss fail. */
export interface Connection {
  readonly url: string
  call(method: string, params: readonly unknown[], options?: { timeoutMs?: number }): Promise<unknown>
  /** Opens a go-jsonrpc channel. Ends when the server closes it; throws when the connection is lost. */
  subscribe(method: string, params: readonly unknown[]): Promise<AsyncIterableIterator<unknown>>
  close(): Promise<void>
}

export const DEFAULT_CALL_TIMEOUT_MS = 30_000
/** A connection that went silently is noticed within twice this. */
export const DEFAULT_HEARTBEAT_MS = 10_000

/** A connection to an address in any form `parseEndpoint` reads; the scheme decides the transport. */
export function connectRpc(address: string | Endpoint, options: ConnectionOptions = {}): Connection {
  const endpoint =
    typeof address === 'string'
      ? parseEndpoint(address, {
          ...(options.path !== undefined && { path: options.path }),
          ...(options.defaultScheme !== undefined && { defaultScheme: options.defaultScheme }),
          ...(options.token !== undefined && { token: options.token }),
        })
      : address
  const token = options.token ?? endpoint.token
  const headers: Record<string, string> = { ...options.headers }
  if (token !== undefined) headers.Authorization = `Bearer ${token}`
  const timeoutMs = options.timeoutMs ?? DEFAULT_CALL_TIMEOUT_MS
  return isWebSocket(endpoint)
    ? new WebSocketConnection(endpoint, headers, timeoutMs, options.heartbeatMs ?? DEFAULT_HEARTBEAT_MS)
    : new HttpConnection(endpoint, headers, timeoutMs)
}
