import { RpcError, RpcTransportError } from '../../../rpc-schema/rpc/error.js'

/**
 * The node answers, but cannot say yet: it syncs, was pruned, or has not seen the tipset that it is asked about. Nothing about the chain follows from
 * that; the question may be asked again later, or to another node.
 */
export class NodeNotReadyError extends RpcTransportError {
  constructor(endpoint: string, error: RpcError) {
    super(endpoint, error.message, { cause: error })
    this.name = 'NodeNotReadyError'
  }
}

/** Here an object that the node does not find is the answer: it has never seen that message. */
const MAY_BE_UNKNOWN: ReadonlySet<string> = new Set([
  'Filecoin.StateSearchMsg',
  'Filecoin.StateWaitMsg',
  'Filecoin.ChainGetMessage',
  'Filecoin.ChainReadObj',
])

// Lotus has one code for all of these, so that only its words tell them from an answer.
const UNKNOWN_OBJECT: readonly RegExp[] = [
  /\bget block \S+: ipld: could not find\b/i,
  /\bload(ing)? (tipset|state|state tree|block)\b.*(not found|could not find)/i,
  /\bblock not found\b/i,
]
const NOT_READY: readonly RegExp[] = [
  /\bstate (is )?not (yet )?available\b/i,
  /\blooking for tipset with height greater than start point\b/i,
  /\b(node|chain|daemon) is (still )?(syncing|not synced|starting|shutting down)\b/i,
  /\bsplitstore is closing\b/i,
  /\bcontext (canceled|deadline exceeded)\b/i,
]

function isNotReady(method: string, message: string): boolean {
  if (NOT_READY.some(words => words.test(message))) return true
  return !MAY_BE_UNKNOWN.has(method) && UNKNOWN_OBJECT.some(words => words.test(message))
}

/** The error of a call as its caller is to see it. */
export const chainError = (endpoint: string, method: string, error: unknown): unknown =>
  error instanceof RpcError && isNotReady(method, error.message) ? new NodeNotReadyError(endpoint, error) : error

/** By which Lotus tells, asked for the gas of a message, how its execution would end: `… (exit=[ErrIllegalArgument(16)], …`. */
const EXECUTION_FAILED = /\bmessage execution failed \(exit=\[\w*\((\d+)\)\]/

/** The exit code that a message would have had, of the text of the error for which it was not sent; undefined when it was not sent for something else. */
export function foreseenExitCode(error: string): number | undefined {
  const [, code] = EXECUTION_FAILED.exec(error) ?? []
  return code === undefined ? undefined : Number(code)
}
