/** JSON-RPC error numbers that both sides know. */
export const RPC_ERROR = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  /** Any application error of a Lotus- or damocles-style server. */
  application: 1,
  /** damocles: the sector is not among the online records. */
  sectorStateNotFound: 11001,
} as const

/** An error that crossed, or is to cross, a JSON-RPC border: code and data, never only text. */
export class RpcError extends Error {
  readonly code: number
  readonly data: unknown

  constructor(code: number, message: string, data?: unknown, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'RpcError'
    this.code = code
    this.data = data
  }
}

/** Why a call did not reach a server or brought no usable answer. The caller may try again. */
export class RpcTransportError extends Error {
  readonly endpoint: string
  /** False when the request certainly never left: then even a call that must not happen twice may be made elsewhere. */
  readonly sent: boolean

  constructor(endpoint: string, message: string, options: { cause?: unknown; sent?: boolean } = {}) {
    super(message, options)
    this.name = 'RpcTransportError'
    this.endpoint = endpoint
    this.sent = options.sent ?? true
  }
}

/** A server answered, but with a value that the method does not declare: another version, or another program. */
export class RpcAnswerError extends Error {
  readonly endpoint: string

  constructor(endpoint: string, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'RpcAnswerError'
    this.endpoint = endpoint
  }
}
