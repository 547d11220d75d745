import { SealError, type SealErrorClass } from '../../../rpc-schema/seal-error.js'

/**
 * | code     | what happened                                                           |
 * |----------|-------------------------------------------------------------------------|
 * | failed   | the processor answered that the task failed                             |
 * | died     | the child ended while the task was in it                                |
 * | stalled  | the child was killed: no answer and no progress within its stall limit  |
 * | garbled  | the answer had our task's id, but not the shape of the stage's output   |
 * | startup  | no ready line in time, another first line, or the program did not start |
 * | closed   | this daemon is stopping                                                 |
 */
export type ProcessorErrorCode = 'failed' | 'died' | 'stalled' | 'garbled' | 'startup' | 'closed'

export interface ProcessorErrorDetails {
  readonly stage: string
  /** Display name, `ext(pid: 123)`. */
  readonly processor: string
  readonly exitCode?: number | null | undefined
  readonly exitSignal?: NodeJS.Signals | null | undefined
  /** The last lines that the child wrote to stderr, oldest first. */
  readonly lastStderr?: readonly string[] | undefined
  /** Why the worker ended the child, or that it could not. */
  readonly reason?: string | undefined
  readonly cause?: unknown
}

/** A task that failed for a reason that lies with its processor. */
export class ProcessorError extends SealError {
  readonly code: ProcessorErrorCode
  readonly stage: string
  readonly processor: string
  readonly exitCode: number | null
  readonly exitSignal: NodeJS.Signals | null
  readonly lastStderr: readonly string[]

  constructor(code: ProcessorErrorCode, errorClass: SealErrorClass, message: string, details: ProcessorErrorDetails) {
    super(errorClass, message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'ProcessorError'
    this.code = code
    this.stage = details.stage
    this.processor = details.processor
    this.exitCode = details.exitCode ?? null
    this.exitSignal = details.exitSignal ?? null
    this.lastStderr = details.lastStderr ?? []
  }
}

/** `exit code 3`, `killed by SIGKILL`, with the reason and the end of stderr when there are such. */
export function describeExit(
  details: Pick<ProcessorErrorDetails, 'exitCode' | 'exitSignal' | 'lastStderr' | 'reason'>,
): string {
  const how =
    details.exitSignal != null
      ? `killed by ${details.exitSignal}`
      : details.exitCode != null
        ? `exit code ${details.exitCode}`
        : 'no exit status'
  const tail = details.lastStderr?.slice(-5) ?? []
  const why = details.reason === undefined ? '' : ` (${details.reason})`
  const words = tail.length === 0 ? '' : `; its last words: ${tail.join(' | ')}`
  return `${how}${why}${words}`
}
