import { RPC_ERROR, RpcAnswerError, RpcError, RpcTransportError } from '../../../rpc-schema/rpc/error.js'
import { errorText, SealError, type SealErrorClass } from '../../../rpc-schema/seal-error.js'

/** How the manager is told of a class. */
export const FAILURE_LEVEL: Readonly<Record<SealErrorClass, string>> = {
  temporary: 'Temporary',
  permanent: 'Permanent',
  critical: 'Critical',
  abort: 'Abort',
}

/** Someone asked the thread to pause, or the worker to stop. Not a failure of the sector. */
export class Interrupt extends SealError {
  constructor() {
    super('permanent', 'interrupt')
    this.name = 'Interrupt'
  }
}

/**
 * The manager could not be reached, or what answered was no JSON-RPC. Says nothing about the sector, so it is tried again for as
 * long as it takes and does not use up `max_retries`: a manager that is down overnight must not leave every thread paused.
 */
export class ManagerUnreachable extends SealError {
  constructor(cause: RpcTransportError) {
    super('temporary', 'manager unreachable', { cause })
    this.name = 'ManagerUnreachable'
  }
}

/** The chain will never take the sector: it is given up whatever has been paid for it. */
export class ChainRefusal extends SealError {
  constructor(message: string) {
    super('abort', message)
    this.name = 'ChainRefusal'
  }
}

/**
 * Calls the manager and gives its errors their class: 11001 (it has no such sector in work) is `abort`, any other error it answers
 * is `temporary`, and so is an answer that cannot be read; no answer is {@link ManagerUnreachable}.
 */
export async function callManager<T>(call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (error) {
    if (error instanceof RpcTransportError) throw new ManagerUnreachable(error)
    if (error instanceof RpcError) {
      const gone = error.code === RPC_ERROR.sectorStateNotFound
      throw new SealError(gone ? 'abort' : 'temporary', `manager answered error ${error.code}`, { cause: error })
    }
    if (error instanceof RpcAnswerError) {
      throw new SealError('temporary', 'the answer of the manager cannot be read', { cause: error })
    }
    throw error
  }
}

/** The manager answered that it has no such sector in work. */
export const isSectorUnknown = (error: unknown): boolean =>
  error instanceof SealError && error.cause instanceof RpcError && error.cause.code === RPC_ERROR.sectorStateNotFound

/** What an error of a file system asks of the operator, by its code. */
const DISK_ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: 'a disk is full: make room on it, then resume the thread',
  EDQUOT: 'a disk quota is used up: raise it or make room, then resume the thread',
  EROFS: 'a file system is read-only: look for its errors in the log of the kernel, then resume the thread',
  EIO: 'a disk cannot be read or written: look for its errors in the log of the kernel',
  EACCES: 'this worker may not touch one of its files: set the permissions right, then resume the thread',
  EMFILE: 'this worker has too many files open: raise its limit (ulimit -n) and start it again',
}

function diskAdvice(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? DISK_ADVICE[code] : undefined
}

/** Any error as one with a class. What nobody classified is a defect of this machine or this program: `critical`. */
export function classified(error: unknown): SealError {
  if (error instanceof SealError) return error
  return new SealError('critical', diskAdvice(error) ?? 'unexpected error', { cause: error })
}

/** What a failure means for a sector that the chain may hold money for: such a sector is not thrown away without a person. */
export function unlessDeposited(failure: SealError, deposited: boolean): SealError {
  if (!deposited || failure.class !== 'abort' || failure instanceof ChainRefusal) return failure
  return new SealError(
    'permanent',
    'the chain may hold this sector (its deposit is paid, or it is proven already), so it is not given up by itself: resume it when the cause is mended, or resume with state Aborted to give it up',
    { cause: failure },
  )
}

/** `permanent: processor pc2: out of memory`, as shown to operators. */
export const failureText = (error: SealError): string => `${error.class}: ${errorText(error)}`
