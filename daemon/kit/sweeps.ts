import { errorText } from '../../rpc-schema/seal-error.js'
import type { Clock } from './clock.js'
import type { Logger } from './log.js'

export interface Sweep {
  readonly name: string
  readonly everyMs: number
  run(): Promise<void>
}

/** Runs each of some works at intervals; one that fails is tried again at its next time. Ends with the signal. */
export async function runSweeps(
  sweeps: readonly Sweep[],
  clock: Clock,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const one = async ({ name, everyMs, run }: Sweep): Promise<void> => {
    while (!signal.aborted) {
      await run().catch((error: unknown) => log.error({ err: error }, `${name}: ${errorText(error)}`))
      await clock.sleep(everyMs, signal).catch(() => {})
    }
  }
  await Promise.all(sweeps.map(one))
}
