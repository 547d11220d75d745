import type { WdPostJob } from './job-repository.js'
import { ENDED } from './job-table.js'

/**
 * What is to be expected of a proof that workers are asked for:
 *
 * | state   | its jobs                                                                                                   |
 * |---------|------------------------------------------------------------------------------------------------------------|
 * | done    | one that proves has brought the proof                                                                       |
 * | open    | one can be worked on or is; `isRead`: what it needs of stores has been read                                  |
 * | faulty  | readers have done what they could, and told of sectors that cannot be read                                   |
 * | failed  | no one has any attempt left                                                                                  |
 * | unknown | there are none, or some that would be needed are not there: they are to be made                              |
 */
export type ProofOutlook =
  | { readonly state: 'unknown' }
  | { readonly state: 'open'; readonly isRead: boolean }
  | { readonly state: 'done'; readonly job: WdPostJob }
  | { readonly state: 'faulty'; readonly readers: readonly WdPostJob[] }
  | { readonly state: 'failed'; readonly jobs: readonly WdPostJob[] }

export const isOpen = ({ state }: WdPostJob): boolean => state === 'ready' || state === 'running'

/** The jobs by what they are to do: copies together. */
function tasksOf(jobs: readonly WdPostJob[]): WdPostJob[][] {
  const tasks = new Map<string, WdPostJob[]>()
  for (const job of jobs) tasks.set(job.taskId, [...(tasks.get(job.taskId) ?? []), job])
  return [...tasks.values()]
}

const NONE = { sectors: 0 } as const

/** `jobs`: all of one proof. */
export function outlookOf(jobs: readonly WdPostJob[]): ProofOutlook {
  const provers = jobs.filter(({ part }) => part !== 'read')
  const done = provers.find(({ state }) => state === 'done')
  if (done !== undefined) return { state: 'done', job: done }
  const able = provers.filter(job => isOpen(job) && job.waits === 0)
  if (able.length > 0) return { state: 'open', isRead: able.some(({ part }) => part === 'prove') }
  const reads = tasksOf(jobs.filter(({ part }) => part === 'read'))
  const undone = reads.filter(copies => !copies.some(({ state }) => state === 'done'))
  const found = jobs.filter(({ part, state }) => part === 'read' && state === 'done')
  // Of the sectors that the proof waits for each is in a job, or has turned out to be faulty: unless somebody has removed one.
  const accounted = undone.reduce(
    (sum, [{ sectors } = NONE]) => sum + sectors,
    found.reduce((sum, job) => sum + job.faults, 0),
  )
  if (provers.some(job => isOpen(job) && job.waits > accounted)) return { state: 'unknown' }
  if (undone.some(copies => copies.some(isOpen))) return { state: 'open', isRead: false }
  const readers = found.filter(({ faults }) => faults > 0)
  const isWaiting = provers.some(isOpen)
  if (readers.length > 0 && (isWaiting || provers.some(({ ended }) => ended === ENDED.faulty)))
    return { state: 'faulty', readers }
  const isUnread = isWaiting || provers.some(({ ended }) => ended === ENDED.unread)
  if (isUnread && undone.length > 0) return { state: 'failed', jobs: undone.flat() }
  return isWaiting || provers.length === 0 ? { state: 'unknown' } : { state: 'failed', jobs: provers }
}
