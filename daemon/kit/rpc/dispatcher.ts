import jayson from 'jayson'
import { z } from 'zod'
import { RPC_ERROR, RpcError } from '../../../rpc-schema/rpc/error.js'
import type { ResponseFrame } from '../../../rpc-schema/rpc/frame.js'
import { mapped } from '../../../rpc-schema/rpc/mapped-values.js'
import type {
  CallContext,
  Handlers,
  MethodDeclaration,
  Methods,
  Permission,
  Service,
} from '../../../rpc-schema/rpc/method.js'
import { type OpenRpcDocument, openRpcDocument } from '../../../rpc-schema/rpc/openrpc.js'
import { decodeParams } from '../../../rpc-schema/rpc/positional-params.js'
import { schemaIssuesText } from '../../../rpc-schema/schema-issue.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import type { Logger } from '../log.js'
import { PreparedJson } from './prepared-json.js'

/** The context of one call inside the server: what the handler sees, and what the transport must know. */
export interface ServerCall extends CallContext {
  readonly permissions: readonly Permission[]
  /** Set for a call over WebSocket: takes a channel's values and answers with the channel's id. */
  readonly openChannel?: (values: AsyncIterable<unknown>) => number
}

interface BoundService {
  readonly service: Service
  readonly handlers: Record<string, (...args: unknown[]) => unknown>
}

/** Joins a declared service to its implementation. */
export function bindService<M extends Methods>(service: Service<M>, handlers: Handlers<M>): BoundService {
  return { service, handlers: handlers as unknown as BoundService['handlers'] }
}

/** The same for a server that serves only some of the methods; the others are answered with "method not found". */
export function bindPart<M extends Methods>(service: Service<M>, handlers: Partial<Handlers<M>>): BoundService {
  const served = Object.fromEntries(Object.entries(service.methods).filter(([name]) => name in handlers))
  return bindService({ ...service, methods: served }, handlers as never)
}

export interface DispatcherOptions {
  title: string
  version: string
  log: Logger
  /** Most requests in one batch. */
  maxBatch?: number
  dialect?: Dialect
}

/** In what servers differ where JSON-RPC leaves it open, or is not followed. */
export interface Dialect {
  /** The error of a parameter that is not what it is declared to be. */
  readonly undecodable: number
  /** A request with `id: null` wants no answer. */
  readonly nullIdIsNotification: boolean
  /** A method without a result answers without the member `result`, where it declares so. */
  readonly omitsNoResult: boolean
}

const PLAIN: Dialect = { undecodable: RPC_ERROR.invalidParams, nullIdIsNotification: false, omitsNoResult: false }
/** As go-jsonrpc, which is what Lotus and damocles speak. */
export const GO_DIALECT: Dialect = { undecodable: RPC_ERROR.parse, nullIdIsNotification: true, omitsNoResult: true }

type Callback = (error: { code: number; message: string; data?: unknown } | null, result?: unknown) => void

/** Runs a method: its parameters are read from JSON, its result is JSON again. */
type Run = (params: unknown, call: ServerCall) => unknown

/** Validates, calls and answers; knows nothing of HTTP or WebSocket. jayson does the JSON-RPC framing, but for the plainest of requests. */
export class Dispatcher {
  readonly #server: jayson.Server
  readonly #methods = new Map<string, Run>()
  readonly #log: Logger
  readonly #dialect: Dialect

  constructor(services: readonly BoundService[], options: DispatcherOptions) {
    this.#log = options.log
    this.#dialect = options.dialect ?? PLAIN
    for (const { service, handlers } of services) {
      for (const [method, declaration] of Object.entries(service.methods)) {
        const name = `${service.namespace}.${method}`
        this.#methods.set(name, this.#method(name, declaration, handlers[method]!))
      }
    }
    // Made when it is asked for first: that takes longer than all the rest of a start.
    let document: OpenRpcDocument | undefined
    const { title, version } = options
    const discover = (): OpenRpcDocument => {
      document ??= openRpcDocument(
        services.map(bound => bound.service),
        { title, version },
      )
      return document
    }
    this.#methods.set('rpc.discover', discover)
    const methods = new Map([...this.#methods].map(([name, run]) => [name, this.#callable(name, run)]))
    // jayson keeps names that begin with `rpc.` to itself, so the methods are found by a router of our own.
    this.#server = new jayson.Server({}, {
      maxBatchLength: options.maxBatch ?? 1_000,
      router: (name: string) => methods.get(name),
    } as unknown as jayson.ServerOptions)
  }

  /** Answers one request or a batch, already parsed; undefined when nothing is to be sent (notifications only). */
  handle(request: unknown, call: ServerCall): Promise<ResponseFrame | ResponseFrame[] | undefined> {
    const run = isPlain(request) ? this.#methods.get(request.method) : undefined
    if (run !== undefined) return this.#answer(request as PlainRequest, run, call)
    return new Promise(resolve => {
      const taken = normalise(request, this.#dialect)
      this.#server.call(taken as never, call as never, (error?: unknown, response?: unknown) => {
        const frames = (error ?? response ?? undefined) as ResponseFrame | ResponseFrame[] | undefined
        resolve(Array.isArray(frames) ? frames.map(inGoOrder) : frames && inGoOrder(frames))
      })
    })
  }

  async #answer({ id, method, params }: PlainRequest, run: Run, call: ServerCall): Promise<ResponseFrame> {
    try {
      const result = await run(params ?? [], call)
      if (result !== undefined) return { jsonrpc: '2.0', result, id }
      return this.#dialect.omitsNoResult ? { jsonrpc: '2.0', id } : { jsonrpc: '2.0', result: null, id }
    } catch (error) {
      return { jsonrpc: '2.0', id, error: this.#errorFrame(method, error) }
    }
  }

  #method(name: string, declaration: MethodDeclaration, handler: (...args: unknown[]) => unknown): Run {
    return async (params, call) => {
      authorise(name, declaration.permission, call)
      // Before anything is done for a caller who could not read the outcome.
      if (declaration.channel && !call.openChannel)
        throw new RpcError(RPC_ERROR.methodNotFound, `${name} is a stream: it needs a WebSocket connection`)
      const args = decodeParams(name, declaration, params, this.#dialect.undecodable)
      const value = await handler(...args, call satisfies CallContext)
      if (!call.openChannel || !declaration.channel) return encodeResult(name, declaration.result, value)
      return call.openChannel(encodeItems(name, declaration.result, value as AsyncIterable<unknown>))
    }
  }

  #callable(name: string, run: Run): jayson.Method {
    const handler = (params: unknown, call: ServerCall, callback: Callback): void => {
      void (async () => run(params, call))().then(
        result => callback(null, result === undefined ? this.#noResult : result),
        (error: unknown) => callback(this.#errorFrame(name, error)),
      )
    }
    return new jayson.Method({ handler: handler as never, useContext: true, params: undefined as never })
  }

  get #noResult(): unknown {
    return this.#dialect.omitsNoResult ? OMITTED : null
  }

  #errorFrame(name: string, error: unknown): { code: number; message: string; data?: unknown } {
    if (error instanceof RpcError) {
      return { code: error.code, message: shown(error.message), ...(error.data !== undefined && { data: error.data }) }
    }
    this.#log.warn({ err: error, method: name }, 'rpc method failed')
    return { code: RPC_ERROR.application, message: shown(errorText(error)) }
  }
}

/** Characters of a message: one that quotes what it was given is not as long as that. */
const MOST_SHOWN = 4_000

const shown = (message: string): string =>
  message.length <= MOST_SHOWN
    ? message
    : `${message.slice(0, MOST_SHOWN)}… (and ${message.length - MOST_SHOWN} characters more)`

/** A request for one answer, as nearly all are. */
interface PlainRequest {
  readonly id: number | string
  readonly method: string
  readonly params?: readonly unknown[] | null
}

/** Such a request needs nothing of jayson, which copies and checks it several times over: a third of what a small call costs. */
function isPlain(request: unknown): request is PlainRequest {
  if (typeof request !== 'object' || request === null || Array.isArray(request)) return false
  const { id, method, params } = request as Record<string, unknown>
  if (typeof method !== 'string' || !(typeof id === 'string' || Number.isSafeInteger(id))) return false
  return params === undefined || params === null || Array.isArray(params)
}

/** Lotus and damocles take a request without `jsonrpc` and with null or missing params; jayson would refuse it. */
function normalise(request: unknown, dialect: Dialect): unknown {
  return Array.isArray(request) ? request.map(one => normaliseOne(one, dialect)) : normaliseOne(request, dialect)
}

function normaliseOne(request: unknown, dialect: Dialect): unknown {
  if (Array.isArray(request)) return null
  if (typeof request !== 'object' || request === null) return request
  const { id, method, params } = request as Record<string, unknown>
  const isNotification = id === undefined || (id === null && dialect.nullIdIsNotification)
  return { jsonrpc: '2.0', method, params: params ?? [], ...(!isNotification && { id }) }
}

/** Stands for a result that is left out; jayson insists on one. */
const OMITTED = Symbol('no result')

/** The members in the order in which Go writes them. */
function inGoOrder({ jsonrpc, id, result, error }: ResponseFrame): ResponseFrame {
  if (error !== undefined && error !== null) return { jsonrpc, id, error }
  return result === OMITTED ? { jsonrpc, id } : { jsonrpc, result, id }
}

function authorise(name: string, needed: Permission, call: ServerCall): void {
  if (!call.permissions.includes(needed)) {
    throw new RpcError(RPC_ERROR.application, `missing permission to invoke '${name}' (need '${needed}')`)
  }
}

function encodeResult(name: string, schema: z.ZodType, value: unknown): unknown {
  if (value instanceof PreparedJson) return value
  const encoded = z.safeEncode(schema, value)
  if (encoded.success) return encoded.data
  throw new Error(
    `${name}: the answer is not what the method declares: ${schemaIssuesText(encoded.error, value, 'result')}`,
  )
}

const encodeItems = (name: string, schema: z.ZodType, values: AsyncIterable<unknown>): AsyncIterable<unknown> =>
  mapped(values, value => encodeResult(name, schema, value))
