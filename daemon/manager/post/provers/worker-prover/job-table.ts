import type { WdPoStPart } from '../../../../../rpc-schema/manager/wdpost-job.js'
import { TEXT_COLUMN } from '../../../../kit/database.js'
import { type JobTable, OWN_COLUMNS, type Row } from '../../../../kit/queue/job-table.js'

/** Trials, which are known by it, come after everything else; jobs without a known end after those with one. */
export const DUE_TRIAL = Number.MAX_SAFE_INTEGER
export const DUE_UNKNOWN = DUE_TRIAL - 1

export const WDPOST_TABLE = {
  name: 'wdpost_jobs',
  columns: { ...OWN_COLUMNS, group: 'miner', kind: 'proof_type' },
  states: { ready: 'ready', running: 'running', parked: 'failed', done: 'done' },
  timeUnitMs: 1,
  errorLength: TEXT_COLUMN,
  dueColumn: 'due_at',
} as const satisfies JobTable

/** Why we have ended a job that no worker has ended. */
export const ENDED = {
  deadline: 'deadline',
  dropped: 'dropped',
  faster: 'faster',
  trial: 'trial',
  faulty: 'faulty',
  unread: 'unread',
} as const
export type Ended = (typeof ENDED)[keyof typeof ENDED]

export const ENDED_TEXT: Readonly<Record<Ended, string>> = {
  deadline: 'the deadline has closed',
  dropped: 'the proof is not wanted any more: the chain has changed',
  faster: 'another worker has done this',
  trial: 'a proof for the chain is wanted: trials wait until workers have nothing else to do',
  faulty: 'sectors of this proof cannot be read',
  unread: 'not all sectors of this proof have been read',
}

/** The columns that are ours, not the queue's. */
export interface WdPostColumns {
  readonly proofId: string
  /** How often the same proof is asked for. */
  readonly copies: number
  /** Attempts that have been taken from silent workers, who may yet report a failure. */
  readonly unheard: number
  readonly deadline: number
  readonly partitions: readonly number[]
  readonly sectors: number
  readonly faults: number
  readonly heartbeatAt: number
  readonly ended: Ended | ''
  /** When its deadline closes, ms since the Unix epoch; `DUE_UNKNOWN`. */
  readonly dueAt: number
  readonly part: WdPoStPart
  /** What copies of the same work have in common. */
  readonly taskId: string
  /** See `challengeId`. */
  readonly challenge: string
  /** The stores that a job of part `read` needs, see `storesText`. */
  readonly stores: string
  /** Sectors that are to be read before it can begin. */
  readonly waits: number
}

/** A job that is to be made, without what is the same for all of them. */
export interface NewJob {
  readonly proofId: string
  readonly taskId: string
  readonly part: WdPoStPart
  readonly copies: number
  readonly deadline: number
  readonly partitions: readonly number[]
  /** See `dueOf`. */
  readonly dueAt: number
  readonly challenge: string
  readonly stores: string
  readonly waits: number
  readonly sectors: number
  readonly input: string
}

/** By when a proof is wanted, ms since the Unix epoch. */
export const dueOf = ({
  isTrial,
  closesAt,
}: {
  readonly isTrial: boolean
  readonly closesAt: number | undefined
}): number => (isTrial ? DUE_TRIAL : (closesAt ?? DUE_UNKNOWN))

export const newJobColumns = ({ proofId, taskId, partitions, dueAt, ...same }: NewJob): Row => ({
  ...same,
  proof_id: proofId,
  task_id: taskId,
  partitions: JSON.stringify(partitions),
  due_at: dueAt,
  unheard: 0,
  faults: 0,
  heartbeat_at: 0,
  ended: '',
  output: null,
})

export const COLUMNS_OF_LIST = [
  'proof_id',
  'copies',
  'unheard',
  'deadline',
  'partitions',
  'sectors',
  'faults',
  'heartbeat_at',
  'ended',
  'due_at',
  'part',
  'task_id',
  'challenge',
  'stores',
  'waits',
] as const

export const columnsOf = (row: Row): WdPostColumns => ({
  proofId: String(row.proof_id),
  copies: Number(row.copies),
  unheard: Number(row.unheard),
  deadline: Number(row.deadline),
  partitions: JSON.parse(String(row.partitions)) as number[],
  sectors: Number(row.sectors),
  faults: Number(row.faults),
  heartbeatAt: Number(row.heartbeat_at),
  ended: String(row.ended) as Ended | '',
  dueAt: Number(row.due_at),
  part: String(row.part) as WdPoStPart,
  taskId: String(row.task_id),
  challenge: String(row.challenge),
  stores: String(row.stores),
  waits: Number(row.waits),
})
