import { RPC_ERROR, RpcError } from '../../../rpc-schema/rpc/error.js'
import type { ThreadInfo } from '../../../rpc-schema/worker/thread-info.js'
import { ProgressLine } from '../../kit/terminal/progress-line.js'
import type { ControlSession } from './control-session.js'
import { activityText, jobText } from './thread-text.js'

export interface DrainOptions {
  readonly index?: number
  readonly undo: boolean
  readonly wait: boolean
  readonly json: boolean
}

const ASK_EVERY_MS = 2_000
/** As a shell tells of a command ended by Ctrl-C. */
const INTERRUPTED = 130

/** Lets one thread, or all, take no new sector; waits on request until they have none. */
export async function drain(session: ControlSession, options: DrainOptions): Promise<void> {
  const { client, say } = session
  const { index = null, undo, json } = options
  const changed = await client.WorkerDrain(index, !undo).catch((error: unknown) => {
    if (!(error instanceof RpcError) || error.code !== RPC_ERROR.methodNotFound) throw error
    throw new Error('this worker does not know how to drain: it is not of Sealyard, or an older one')
  })
  const threads = await wanted(session, index)
  const waits = options.wait && !undo
  if (json && !waits) return say(JSON.stringify({ changed, threads }))
  if (!json) for (const thread of threads) say(sentence(thread, changed.includes(thread.index)))
  if (!waits) return
  const drained = await waitUntilDrained(session, index, json)
  if (json && drained !== undefined) say(JSON.stringify({ changed, threads: drained }))
}

async function wanted({ client }: ControlSession, index: number | null): Promise<ThreadInfo[]> {
  const threads = await client.WorkerList()
  return index === null ? threads : threads.filter(thread => thread.index === index)
}

function sentence(thread: ThreadInfo, changed: boolean): string {
  const { index, drain: state, thread_state } = thread
  if (state === undefined) return changed ? `#${index} takes new sectors again` : `#${index} was not draining`
  if (state === 'drained') return `#${index} has no sector and takes none`
  if (thread_state.state === 'Paused') {
    return `#${index} is paused with ${thread.job_id ?? 'a sector'}: it drains once it is resumed`
  }
  const job = jobText(thread)
  return job === undefined
    ? `#${index} takes no sector besides the one it may be getting or going on with`
    : `#${index} finishes ${job} and takes no other`
}

/** The threads when all are drained; undefined when a person ended the waiting. Throws when someone lifts a drain. */
async function waitUntilDrained(
  session: ControlSession,
  index: number | null,
  quiet: boolean,
): Promise<ThreadInfo[] | undefined> {
  const { terminal, say } = session
  const { output, clock } = terminal
  const line = new ProgressLine(output, () => clock.monotonic())
  const interruption = terminal.interruption()
  try {
    for (;;) {
      const threads = await wanted(session, index)
      const lifted = threads.find(thread => thread.drain === undefined)
      if (lifted) throw new Error(`the drain of #${lifted.index} was lifted`)
      const left = threads.filter(thread => thread.drain === 'draining')
      if (left.length === 0) {
        if (!quiet)
          line.end(`${threads.length === 1 ? `#${threads[0]!.index} has` : 'all threads have'} no sector any more`)
        return threads
      }
      if (!quiet) line.text(waitingText(threads.length, left))
      await clock.sleep(ASK_EVERY_MS, interruption.signal).catch(() => {})
      if (interruption.signal.aborted) {
        terminal.setExitCode(INTERRUPTED)
        if (!quiet) line.end('no longer waiting; the threads drain on (worker drain --undo lifts it)')
        else say(JSON.stringify({ threads }))
        return undefined
      }
    }
  } finally {
    interruption.done()
  }
}

function waitingText(all: number, left: readonly ThreadInfo[]): string {
  const at = left.map(
    thread => `#${thread.index} ${jobText(thread) ?? ''} ${activityText({ ...thread, drain: undefined })}`,
  )
  return `${all - left.length} of ${all} drained; ${at.join(', ').replaceAll('  ', ' ')}`
}
