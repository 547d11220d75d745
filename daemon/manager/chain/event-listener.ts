import { errorText } from '../../../rpc-schema/seal-error.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'

export interface ListenOptions<T> {
  /** Registers, and gives the channel. */
  open(): Promise<AsyncIterableIterator<T>>
  /** Must not fail; it is not waited for. */
  onEvent(event: T): void
  /** Whether there is a channel at the moment. */
  onState?(isListening: boolean): void
  /** Pauses before listening again, ms: doubled with every failure in a row. */
  readonly pauses: { readonly first: number; readonly most: number }
  /** Whose events they are, for the log. */
  readonly whose: string
  /** More of each line of the log. */
  readonly subject: object
  readonly clock: Clock
  readonly log: Logger
}

/** Listens to a channel of events until the signal aborts: whenever it ends or fails it is opened anew. */
export async function listenForever<T>(options: ListenOptions<T>, signal: AbortSignal): Promise<void> {
  const { open, onEvent, onState, pauses, whose, subject, clock, log } = options
  let pauseMs = pauses.first
  while (!signal.aborted) {
    try {
      const events = await open()
      const end = (): void => void events.return?.()
      signal.addEventListener('abort', end, { once: true })
      onState?.(true)
      try {
        for await (const event of events) {
          pauseMs = pauses.first
          onEvent(event)
        }
      } finally {
        onState?.(false)
        signal.removeEventListener('abort', end)
      }
      if (!signal.aborted) log.debug(subject, `${whose} has ended its events, listening again`)
    } catch (error) {
      if (!signal.aborted) log.warn({ ...subject, err: error }, `no events of ${whose}: ${errorText(error)}`)
    }
    if (signal.aborted) return
    await clock.sleep(pauseMs, signal).catch(() => {})
    pauseMs = Math.min(2 * pauseMs, pauses.most)
  }
}
