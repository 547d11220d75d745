import { errorText } from '../../../rpc-schema/seal-error.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'

export interface KeepingOptions {
  /** Whether the proof is of no use any more. */
  isOver(): boolean
  readonly subject: object
  readonly signal: AbortSignal
  readonly clock: Clock
  readonly log: Logger
}

/** Between two tries to write a proof down. */
const AGAIN_MS = 2_000

/**
 * Has a finished proof written down, however often the database is away: it has taken minutes to make, and would have to be made again. Writing it twice
 * changes nothing. Rejects with the last error when it is over, with the signal's reason when that aborts.
 */
export async function keptAtLast(
  keep: () => Promise<boolean>,
  { isOver, subject, signal, clock, log }: KeepingOptions,
): Promise<boolean> {
  for (;;) {
    try {
      return await keep()
    } catch (error) {
      if (isOver()) throw error
      log.error({ ...subject, err: error }, `a proof could not be kept yet, it is tried again: ${errorText(error)}`)
    }
    await clock.sleep(AGAIN_MS, signal)
  }
}
