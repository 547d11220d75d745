import { errorText } from '../../rpc-schema/seal-error.js'
import type { Logger } from '../kit/log.js'
import { withDeadline } from './concurrency/deadline.js'

/** What is to be closed when the manager stops, in the order in which it was opened. */
export type Closing = (() => unknown)[]

const STOP_LIMIT_MS = 10_000

/** In the reverse order of the start; one that fails or hangs does not keep the others. */
export async function stopAll(closing: Readonly<Closing>, log: Logger): Promise<void> {
  const everything = (async (): Promise<void> => {
    for (const close of closing.toReversed()) {
      try {
        await close()
      } catch (error) {
        log.warn({ err: error }, `while stopping: ${errorText(error)}`)
      }
    }
  })()
  await withDeadline('stopping the manager', STOP_LIMIT_MS, everything).catch((error: unknown) =>
    log.warn({ err: error }, errorText(error)),
  )
}
