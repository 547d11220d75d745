import type { ThreadInfo, ThreadState } from '../../../rpc-schema/worker/thread-info.js'
import { formatElapsed } from '../../kit/config/duration.js'
import { tableText } from '../../kit/terminal/table.js'

const SECOND = 1_000

/** `Running(5s) builtin PC1`, `Paused(13m 42s)`, `Idle` */
export function threadStateText(state: ThreadState): string {
  if (state.state === 'Idle') return 'Idle'
  const text = `${state.state}(${formatElapsed(state.elapsed * SECOND)})`
  return state.state === 'Running' && state.proc !== null ? `${text} ${state.proc}` : text
}

/** `37% ETA 2h 5m` */
function progressText({ progress }: ThreadInfo): string | undefined {
  if (progress?.percent === undefined) return undefined
  const percent = `${Math.floor(progress.percent)}%`
  if (progress.eta === undefined) return percent
  return `${percent} ETA ${formatElapsed(progress.eta * SECOND)
    .split(' ')
    .slice(0, 2)
    .join(' ')}`
}

/** What a thread does, how far it is, and whether it will take more. */
export const activityText = (thread: ThreadInfo): string =>
  [threadStateText(thread.thread_state), progressText(thread), thread.drain].filter(Boolean).join(' ')

/** On one line, with what would break it escaped. */
const oneLine = (text: string): string => JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"')

export function threadTable(threads: readonly ThreadInfo[]): string {
  const header = ['#', 'location', 'Plan', 'JobID', 'JobState', 'JobStage', 'ThreadState', 'LastErr']
  const rows = threads.map(thread => [
    String(thread.index),
    thread.location,
    thread.plan,
    thread.job_id ?? '-',
    thread.job_state || '-',
    thread.job_stage ?? '-',
    activityText(thread),
    thread.last_error === null ? '-' : oneLine(thread.last_error),
  ])
  return tableText(header, rows)
}

const some = (value: string | undefined): string => (value === undefined ? 'None' : `Some(${value})`)

/** A thread a line, in the form of workers up to 0.8, for scripts that read it. */
export function threadLines(threads: readonly ThreadInfo[]): string {
  return threads
    .map(({ index, location, plan, job_id, job_state, last_error, thread_state }) => {
      const paused = thread_state.state === 'Paused' ? thread_state : undefined
      return [
        `#${index}: ${JSON.stringify(location)}; plan=${plan}`,
        `sector_id=${some(job_id ?? undefined)}`,
        `paused=${paused !== undefined}`,
        `paused_elapsed=${some(paused && `${paused.elapsed}s`)}`,
        `state=${job_state || 'Empty'}`,
        `last_err=${some(last_error === null ? undefined : JSON.stringify(last_error))}`,
      ].join(', ')
    })
    .join('\n')
}

/** `C2 of s-t01000-7`, `sector s-t01000-7 in PC1Done`; undefined without a sector. */
export function jobText({ job_id, job_stage, job_state }: ThreadInfo): string | undefined {
  if (job_id === null) return undefined
  return job_stage === null ? `${job_id} in state ${job_state}` : `${job_stage} of ${job_id}`
}
