import { setTimeout } from 'node:timers/promises'
import { SealError } from '../../rpc-schema/seal-error.js'

/** Why a processor ends: nobody sends any more, nobody reads any more, or it was told to. */
export type EndingReason = 'stdin closed' | 'stdout closed' | 'told to end'

/** What `signal.reason` of a running task is. A task that fails with it may well be tried again elsewhere. */
export class ProcessorEnding extends SealError {
  readonly reason: EndingReason

  constructor(reason: EndingReason) {
    super('temporary', `the processor ends: ${reason}`)
    this.name = 'ProcessorEnding'
    this.reason = reason
  }
}

const ASKING_TO_END = ['SIGTERM', 'SIGINT'] as const

/** Aborts at the first SIGTERM or SIGINT of this process. The second one ends it as if nobody listened. */
export function terminationSignal(): AbortSignal {
  const controller = new AbortController()
  for (const signal of ASKING_TO_END) process.once(signal, () => controller.abort())
  return controller.signal
}

/** Without a parent the status is that of processors built on the common Rust crate; else the shell's way to say SIGTERM. */
const EXIT_STATUS: Readonly<Record<EndingReason, number>> = {
  'stdin closed': 1,
  'stdout closed': 1,
  'told to end': 128 + 15,
}

/**
 * Ends this process, which has no use any more and must not go on holding a GPU. Tasks have `tidyMs` to notice and to tidy up.
 * `process.exit` waits for threads that are inside a native call, perhaps for an hour, so when work is left over the process kills
 * itself.
 */
export async function endProcess(
  reason: EndingReason,
  running: ReadonlySet<Promise<void>>,
  tidyMs: number,
): Promise<void> {
  const tidied = Promise.all(running).then(() => true)
  if (running.size === 0 || (await Promise.race([tidied, setTimeout(tidyMs, false)]))) process.exit(EXIT_STATUS[reason])
  process.kill(process.pid, 'SIGKILL')
}
