import type { ThreadInfo } from '../../../rpc-schema/worker/thread-info.js'
import { type ControlSession, threadAt } from './control-session.js'
import { activityText, jobText } from './thread-text.js'

const isPaused = (thread: ThreadInfo | undefined): boolean => thread?.thread_state.state === 'Paused'

const holding = (thread: ThreadInfo | undefined): string =>
  thread?.job_id == null ? 'it has no sector' : `sector ${thread.job_id} stays in state ${thread.job_state}`

/** Pauses a thread and says when that takes effect. Whatever led to it: a thread that is or will be paused is success. */
export async function pause({ client, say }: ControlSession, index: number, json: boolean): Promise<void> {
  const before = await threadAt(client, index)
  // damocles's own worker takes a second pause for one more after the next resume.
  const done = isPaused(before) ? false : await client.WorkerPause(index)
  const thread = isPaused(before) ? before : await threadAt(client, index)
  if (json) return say(JSON.stringify({ index, done, thread: thread ?? null }))
  if (isPaused(before)) return say(`#${index} was paused already: ${holding(thread)}`)
  if (isPaused(thread)) return say(`#${index} is paused: ${holding(thread)}`)
  const after = (thread && jobText(thread)) ?? 'what it is doing'
  say(
    done
      ? `#${index} will pause after ${after}`
      : `#${index} nothing done: a pause is on its way already, after ${after}`,
  )
}

/** Lets a thread go on. Failure only when a state was asked for and could not be set. */
export async function resume(
  { client, terminal, say }: ControlSession,
  index: number,
  state: string | null,
  json: boolean,
): Promise<void> {
  const before = await threadAt(client, index)
  const done = await client.WorkerResume(index, state)
  if (!done && state !== null) terminal.setExitCode(1)
  if (json) return say(JSON.stringify({ index, state, done }))
  if (!done) return say(`#${index} nothing done: it is not paused${before ? ` (${activityText(before)})` : ''}`)
  if (!isPaused(before)) return say(`#${index} takes new sectors again`)
  const sector = before?.job_id ?? null
  const how = state === null ? (sector === null ? '' : ` in state ${before!.job_state}`) : ` in state ${state}`
  say(`#${index} resumed${sector === null ? '' : `: ${sector} goes on`}${how}`)
}
