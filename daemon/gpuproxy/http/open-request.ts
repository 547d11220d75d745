import { gpuProxyService, proofService } from '../../../rpc-schema/gpuproxy/index.js'
import type { MethodDeclaration } from '../../../rpc-schema/rpc/method.js'
import { BadResourceError, c2ResourceOf, type ReadDocument, readC2Resource } from '../resources/c2-resource.js'

/** Errors of the framing, in the words of the original's server. */
export const FRAMING = {
  parse: { code: -32700, message: 'Parse error' },
  invalid: { code: -32600, message: 'Invalid request' },
  unknown: { code: -32601, message: 'Method not found' },
  tooBig: { code: -32701, message: 'Request is too big' },
} as const

export interface RpcFailure {
  readonly code: number
  readonly message: string
}

export type RequestId = number | string | null

export type OpenedRequest =
  | { readonly kind: 'failure'; readonly id: RequestId; readonly error: RpcFailure }
  /** Without an id: it is not answered, and not run. */
  | { readonly kind: 'notification' }
  | {
      readonly kind: 'call'
      readonly id: RequestId
      readonly method: string
      /** In the order in which they are declared; a document is not among them any more. */
      readonly args: readonly unknown[]
      readonly document?: ReadDocument
    }

export interface OpenedBody {
  readonly isBatch: boolean
  readonly requests: readonly OpenedRequest[]
}

const METHODS: ReadonlyMap<string, MethodDeclaration> = new Map(
  [proofService, gpuProxyService].flatMap(({ namespace, methods }) =>
    Object.entries(methods).map(([name, declaration]) => [`${namespace}.${name}`, declaration as MethodDeclaration]),
  ),
)

export const declarationOf = (method: string): MethodDeclaration | undefined => METHODS.get(method)

const MEMBERS: ReadonlySet<string> = new Set(['jsonrpc', 'id', 'method', 'params'])
const INVALID_PARAMS = -32602

const failure = (id: RequestId, error: RpcFailure): OpenedRequest => ({ kind: 'failure', id, error })

/** A document that was taken out of a body while it came. */
export interface TakenOut {
  /** What stands in its place. */
  readonly mark: string
  /** Throws a BadResourceError. */
  readonly read: () => ReadDocument
}

/**
 * Takes a body apart as the original's server does. Documents of tasks, which make bodies large, are decoded and read here, so that all of it can run in a
 * thread. Undefined for what is not JSON.
 */
export function openBody(body: Uint8Array, takenOut?: TakenOut): OpenedBody | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'))
  } catch {
    return undefined
  }
  if (!Array.isArray(parsed)) return { isBatch: false, requests: [openOne(parsed, takenOut)] }
  if (parsed.length === 0) return { isBatch: false, requests: [failure(null, FRAMING.invalid)] }
  return { isBatch: true, requests: parsed.map(request => openOne(request, takenOut)) }
}

function openOne(request: unknown, takenOut: TakenOut | undefined): OpenedRequest {
  if (typeof request !== 'object' || request === null || Array.isArray(request)) return failure(null, FRAMING.invalid)
  const { id, method, params, jsonrpc } = request as Record<string, unknown>
  const isId = id === null || typeof id === 'number' || typeof id === 'string'
  const known = Object.keys(request).every(member => MEMBERS.has(member))
  if (!known || jsonrpc !== '2.0' || typeof method !== 'string' || (id !== undefined && !isId))
    return failure(isId ? id : null, FRAMING.invalid)
  if (id === undefined) return { kind: 'notification' }
  const declaration = declarationOf(method)
  if (declaration === undefined) return failure(id as RequestId, FRAMING.unknown)
  try {
    const args = positional(method, declaration, params)
    return { kind: 'call', id: id as RequestId, method, ...withDocument(method, args, takenOut) }
  } catch (error) {
    return failure(id as RequestId, { code: INVALID_PARAMS, message: (error as Error).message })
  }
}

/** By position or by name; what may be missing is null, what is too much is passed over. */
function positional(method: string, { params: declared }: MethodDeclaration, params: unknown): unknown[] {
  if (Array.isArray(params)) {
    const args = method === 'Proof.AddTask' ? withComment(params) : params
    const needed = declared.filter(param => !param.optional).length
    if (args.length < needed) throw new Error('No more params')
    return declared.map((_, at) => args[at] ?? null)
  }
  if (params !== undefined && (typeof params !== 'object' || params === null)) throw new Error('Invalid params')
  const named = (params ?? {}) as Record<string, unknown>
  return declared.map(({ name, optional }) => {
    if (named[name] === undefined && !optional) throw new Error(params ? `missing field \`${name}\`` : 'No more params')
    return named[name] ?? null
  })
}

/** Older clients know no comment: `[miner, type, document]`. */
const withComment = (args: readonly unknown[]): unknown[] =>
  typeof args[1] === 'number' ? [args[0], '', ...args.slice(1)] : [...args]

function withDocument(
  method: string,
  args: unknown[],
  takenOut: TakenOut | undefined,
): { args: unknown[]; document?: ReadDocument } {
  if (method === 'Proof.AddTask') {
    const [miner, comment, type, text] = args
    const document = text === takenOut?.mark ? takenOut!.read() : readC2Resource(base64(text))
    return { args: [miner, comment, type], document }
  }
  if (method === 'Proof.SubmitC2Task') {
    const [output, miner, comment, prover, sector] = args
    const isProver = Array.isArray(prover) && prover.length === 32 && prover.every(isByte)
    if (!isProver) throw new BadResourceError('prover_id: expected 32 bytes')
    if (!Number.isSafeInteger(sector) || (sector as number) < 0)
      throw new BadResourceError(`invalid value: ${JSON.stringify(sector)}, expected a sector number`)
    const document = c2ResourceOf(base64(output), Uint8Array.from(prover as number[]), sector as number)
    return { args: [miner, comment, 0], document }
  }
  return { args }
}

const isByte = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 0 && (value as number) < 256

/** With or without padding. */
function base64(text: unknown): Buffer {
  if (typeof text !== 'string')
    throw new BadResourceError(`invalid type: ${text === null ? 'null' : typeof text}, expected a string`)
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw new BadResourceError('not base64')
  return Buffer.from(text, 'base64')
}
