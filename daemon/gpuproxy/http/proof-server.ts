import type http from 'node:http'
import type { Readable } from 'node:stream'
import { z } from 'zod'
import { PERMISSIONS, type Permission } from '../../../rpc-schema/rpc/method.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import type { Logger } from '../../kit/log.js'
import { type Authenticate, bearer } from '../../kit/rpc/rpc-server.js'
import type { C2Input } from '../resources/c2-resource.js'
import type { OpenResource, ResourceStore } from '../resources/resource-store.js'
import { declarationOf, FRAMING, type OpenedRequest, type RequestId, type RpcFailure } from './open-request.js'
import { type NoBody, type Opened, RequestOpener } from './request-opener.js'

/** Documents are not among the arguments: they come apart. */
export type ProofHandlers = Readonly<Record<string, (args: readonly unknown[], input: C2Input | undefined) => unknown>>

export interface ProofServerOptions {
  handlers: ProofHandlers
  /** Where documents are stored while they come. */
  resources: Pick<ResourceStore, 'receive'>
  /** A resource that is answered with as a stream: it may be large. Throws when it is not there. */
  resource(id: string): Promise<OpenResource>
  log: Logger
  /** Default: everyone may do everything. */
  authenticate?: Authenticate
  onCall?: (method: string, tookMs: number, ok: boolean) => void
}

const JSON_TYPE = 'application/json; charset=utf-8'
const TAKEN_TYPES: ReadonlySet<string> = new Set([
  'application/json',
  'application/json; charset=utf-8',
  'application/json;charset=utf-8',
])
const APPLICATION_ERROR = -32000
const INVALID_PARAMS = -32602

/** How the original answers what is no body of requests. */
const NO_BODY: Readonly<Record<NoBody, { status: number; error: RpcFailure }>> = {
  'too big': { status: 413, error: FRAMING.tooBig },
  'not JSON at all': { status: 400, error: FRAMING.parse },
  'not JSON': { status: 200, error: FRAMING.parse },
}

/** A parameter is not what it has to be. */
export class ParamsError extends Error {}

/** JSON-RPC over HTTP POST with the manners of the original's server, which the Rust clients insist on. */
export class ProofServer {
  readonly #options: ProofServerOptions
  readonly #opener: RequestOpener

  constructor(options: ProofServerOptions) {
    this.#options = options
    this.#opener = new RequestOpener(options.resources)
  }

  close(): Promise<void> {
    return this.#opener.close()
  }

  readonly handle = async (request: http.IncomingMessage, response: http.ServerResponse): Promise<void> => {
    const permissions = (this.#options.authenticate ?? (() => PERMISSIONS))(bearer(request))
    if (permissions === null) return void response.writeHead(401).end()
    const cors = corsHeaders(request)
    if (request.method === 'OPTIONS') return preflight(request, response)
    if (request.method !== 'POST')
      return plain(response, 405, 'Used HTTP Method is not allowed. POST or OPTIONS is required\n')
    if (!TAKEN_TYPES.has((request.headers['content-type'] ?? '').toLowerCase()))
      return plain(response, 415, 'Supplied content type is not allowed. Content-Type: application/json is required\n')
    const opened = await this.#opener.open(request)
    try {
      await this.#reply(response, cors, opened, permissions)
    } finally {
      await opened.discard()
    }
  }

  async #reply(
    response: http.ServerResponse,
    cors: Headers,
    { body, input }: Opened,
    permissions: readonly Permission[],
  ): Promise<void> {
    if (typeof body === 'string') {
      const { status, error } = NO_BODY[body]
      return send(response, status, cors, failed(null, error))
    }
    const { requests, isBatch } = body
    const [only] = requests
    if (!isBatch && only?.kind === 'call' && only.method === 'Proof.GetResourceInfo')
      return this.#sendResource(response, cors, only, permissions)
    const answers: string[] = []
    for (const one of requests) {
      const answer = await this.#answer(one, input, permissions)
      if (answer !== undefined) answers.push(answer)
    }
    if (answers.length === 0) return void response.writeHead(200, { 'content-type': JSON_TYPE, ...cors }).end()
    send(response, 200, cors, isBatch ? `[${answers.join(',')}]` : answers[0]!)
  }

  /** The text of the answer; undefined for a notification. */
  async #answer(
    request: OpenedRequest,
    input: Opened['input'],
    permissions: readonly Permission[],
  ): Promise<string | undefined> {
    if (request.kind === 'notification') return undefined
    if (request.kind === 'failure') return failed(request.id, request.error)
    const start = performance.now()
    try {
      const result = await this.#call(request, input, permissions)
      this.#options.onCall?.(request.method, performance.now() - start, true)
      return `{"jsonrpc":"2.0","result":${JSON.stringify(result)},"id":${JSON.stringify(request.id)}}`
    } catch (error) {
      this.#options.onCall?.(request.method, performance.now() - start, false)
      return failed(request.id, this.#failureOf(request.method, error))
    }
  }

  async #call(
    { method, args, document }: Extract<OpenedRequest, { kind: 'call' }>,
    input: Opened['input'],
    permissions: readonly Permission[],
  ): Promise<unknown> {
    const { result } = authorised(method, permissions)
    const handler = this.#options.handlers[method]
    if (handler === undefined) throw new Error(`${method} is not served`)
    const value = document ? await handler(args, input(document)) : await handler(decoded(method, args), undefined)
    return z.encode(result, value as never) ?? null
  }

  /** In portions: base64 of a document that may have tens of megabytes is not put together in memory. */
  async #sendResource(
    response: http.ServerResponse,
    cors: Headers,
    { id, method, args }: Extract<OpenedRequest, { kind: 'call' }>,
    permissions: readonly Permission[],
  ): Promise<void> {
    let resource: OpenResource
    try {
      authorised(method, permissions)
      resource = await this.#options.resource(String(decoded(method, args)[0]))
    } catch (error) {
      return send(response, 200, cors, failed(id, this.#failureOf(method, error)))
    }
    const [head, tail] = ['{"jsonrpc":"2.0","result":"', `","id":${JSON.stringify(id)}}`]
    const length = head.length + 4 * Math.ceil(resource.sizeBytes / 3) + Buffer.byteLength(tail)
    response.writeHead(200, { 'content-type': JSON_TYPE, 'content-length': length, ...cors })
    response.write(head)
    try {
      for await (const text of base64Of(resource.stream())) if (!response.write(text)) await drained(response)
      response.end(tail)
    } catch (error) {
      this.#options.log.warn({ err: error, resource: args[0] }, `a resource could not be sent: ${errorText(error)}`)
      response.destroy()
    }
  }

  #failureOf(method: string, error: unknown): RpcFailure {
    const message = errorText(error)
    if (error instanceof ParamsError) return { code: INVALID_PARAMS, message }
    this.#options.log.debug({ err: error, method }, `refused: ${message}`)
    return { code: APPLICATION_ERROR, message }
  }
}

type Headers = Record<string, string>

const failed = (id: RequestId, error: RpcFailure): string => JSON.stringify({ jsonrpc: '2.0', error, id })

function authorised(method: string, permissions: readonly Permission[]) {
  const declaration = declarationOf(method)!
  if (!permissions.includes(declaration.permission))
    throw new Error(`missing permission to invoke '${method}' (need '${declaration.permission}')`)
  return declaration
}

function decoded(method: string, args: readonly unknown[]): unknown[] {
  return declarationOf(method)!.params.map(({ schema, name }, at) => {
    const { data, error } = z.safeDecode(schema, args[at] as never)
    if (error) throw new ParamsError(`${name}: ${error.issues[0]!.message}`)
    return data
  })
}

function send(response: http.ServerResponse, status: number, cors: Headers, body: string): void {
  response
    .writeHead(status, { 'content-type': JSON_TYPE, 'content-length': Buffer.byteLength(body), ...cors })
    .end(body)
}

const plain = (response: http.ServerResponse, status: number, text: string): void =>
  void response.writeHead(status, { 'content-type': 'text/plain' }).end(text)

/** A page of another origin may read what it was answered. */
function corsHeaders({ headers }: http.IncomingMessage): Headers {
  const { origin, host } = headers
  return origin === undefined || origin.endsWith(`//${host}`) ? {} : { 'access-control-allow-origin': origin }
}

function preflight({ headers: { origin } }: http.IncomingMessage, response: http.ServerResponse): void {
  if (origin === undefined) return void response.writeHead(400).end()
  response
    .writeHead(200, {
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': '*',
    })
    .end()
}

async function* base64Of(stream: Readable): AsyncGenerator<string> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    const whole = bytes.length - (bytes.length % 3)
    yield Buffer.from(bytes.buffer, bytes.byteOffset, whole).toString('base64')
    rest = bytes.subarray(whole)
  }
  if (rest.length > 0) yield rest.toString('base64')
}

/** Also when the client has gone: then nothing drains any more. */
const drained = (response: http.ServerResponse): Promise<void> =>
  new Promise((resolve, reject) => {
    const done = (): void => {
      response.off('close', gone)
      resolve()
    }
    const gone = (): void => {
      response.off('drain', done)
      reject(new Error('the client has gone'))
    }
    response.once('drain', done).once('close', gone)
  })
