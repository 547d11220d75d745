import type { QueuedTask, WorkerStatistics } from '../../../rpc-schema/gpuproxy/lease-methods.js'
import type { Task, WorkerState } from '../../../rpc-schema/gpuproxy/task.js'

const STATES = ['Undefined', 'Init', 'Running', 'Error', 'Completed'] as const

/** `2026-11-23 18:47:50 +00:00`, in the time of this machine; nothing for what has not happened. */
export function momentText(seconds: number): string {
  if (seconds === 0) return ''
  const at = new Date(seconds * 1000)
  const two = (value: number): string => String(value).padStart(2, '0')
  const offset = -at.getTimezoneOffset()
  const zone = `${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())} ${zone}`
}

const cut = (text: string, most: number): string => {
  const characters = [...text.replaceAll(/\s+/g, ' ')]
  return characters.length <= most ? characters.join('') : `${characters.slice(0, most).join('')}...`
}

/** A box of `+`, `-` and `|` with a rule below every row, as the original prints its tables. */
export function ruledTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, ...rows]
  const widths = header.map((_, column) => Math.max(...lines.map(line => [...(line[column] ?? '')].length)))
  const rule = `+${widths.map(width => '-'.repeat(width + 2)).join('+')}+`
  const text = (line: readonly string[]): string =>
    `|${widths.map((width, column) => ` ${line[column] ?? ''}${' '.repeat(width - [...(line[column] ?? '')].length)} `).join('|')}|`
  return [rule, ...lines.flatMap(line => [text(line), rule])].join('\n')
}

type Listed = Omit<Task, 'proof'>

const HEADER = ['Id', 'Miner', 'Type', 'State', 'ResourceId', 'Comment', 'Err', 'CreateAt', 'StartAt', 'CompleteAt']

export const taskTable = (tasks: readonly Listed[]): string =>
  ruledTable(
    HEADER,
    tasks.map(task => [
      task.id,
      task.miner,
      'C2',
      STATES[task.state],
      task.resourceId,
      cut(task.comment, 30),
      cut(task.errorMsg, 20),
      momentText(task.createAt),
      momentText(task.startAt),
      momentText(task.completeAt),
    ]),
  )

/** Everything of one task, nothing cut; `queued` where the server tells it. */
export function taskDetails(task: Listed, queued?: QueuedTask): string {
  const rows: [string, string][] = [
    ['Id', task.id],
    ['Miner', task.miner],
    ['Type', 'C2'],
    ['State', STATES[task.state]],
    ['ResourceId', task.resourceId],
    ['Worker', task.workerId],
    ['Comment', task.comment],
    ['Err', task.errorMsg],
    ['CreateAt', momentText(task.createAt)],
    ['StartAt', momentText(task.startAt)],
    ['CompleteAt', momentText(task.completeAt)],
  ]
  if (queued !== undefined)
    rows.push(
      ['Attempts', String(queued.attempts)],
      ['LeaseUntil', momentText(Math.floor(queued.leaseUntil / 1000))],
      ['NotBefore', momentText(Math.floor(queued.notBefore / 1000))],
    )
  return ruledTable(['Name', 'Value'], rows)
}

export const workerTable = (workers: readonly WorkerState[]): string =>
  ruledTable(
    ['Id', 'WorkerId', 'IPs', 'SupportTypes', 'CreateAt', 'UpdateAt'],
    workers.map(worker => [
      worker.id,
      worker.workerId,
      cut(worker.ips, 20),
      worker.supportTypes,
      momentText(worker.createAt),
      momentText(worker.updateAt),
    ]),
  )

export const statisticsTable = (workers: readonly WorkerStatistics[]): string =>
  ruledTable(
    ['WorkerId', 'Claimed', 'Proven', 'Failed', 'Invalid', 'MeanTime', 'ProbationUntil'],
    workers.map(({ workerId, claimed, proven, failed, invalid, meanMs, probationUntil }) => [
      workerId,
      String(claimed),
      String(proven),
      String(failed),
      String(invalid),
      `${(meanMs / 1000).toFixed(1)} s`,
      momentText(Math.floor(probationUntil / 1000)),
    ]),
  )
