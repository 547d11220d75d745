import { RPC_ERROR, RpcError, RpcTransportError } from '../../../rpc-schema/rpc/error.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'

export interface Patience {
  readonly clock: Clock
  readonly log: Logger
  /** The claim is void, or the worker stops: nobody waits any more. */
  readonly abandon: AbortSignal
}

const ASK_AGAIN_MS = 2_000
/** How long a manager may answer that it cannot: its database is away, or its disk is full. */
const CANNOT_MS = 3_600_000

/** What would be answered the next time, too. */
const FOR_GOOD: ReadonlySet<number> = new Set([
  RPC_ERROR.parse,
  RPC_ERROR.invalidRequest,
  RPC_ERROR.methodNotFound,
  RPC_ERROR.invalidParams,
])

/**
 * Asks the manager until it can answer: what hours of work have brought is not lost because it is being restarted, or its database is. Not for questions that
 * an error is an answer to. Throws the last error when it was abandoned, or when the manager could not for too long.
 */
export async function askManager<T>(ask: () => Promise<T>, { clock, log, abandon }: Patience): Promise<T> {
  const begun = clock.monotonic()
  let told = ''
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (abandon.aborted || !mayPass(error, clock.monotonic() - begun)) throw error
      const text = errorText(error)
      if (text !== told) log.warn({ err: error }, `the manager cannot take what is told of a task: ${text}; told again`)
      told = text
      await clock.sleep(ASK_AGAIN_MS, abandon).catch(() => {})
    }
  }
}

function mayPass(error: unknown, waitedMs: number): boolean {
  if (error instanceof RpcTransportError) return true
  return error instanceof RpcError && !FOR_GOOD.has(error.code) && waitedMs < CANNOT_MS
}
