import type { SectorID } from '../../../rpc-schema/wire/sector-id.js'

/**
 * | state      | meaning                                                          | next                                     |
 * |------------|------------------------------------------------------------------|------------------------------------------|
 * | allocated  | a worker has the sector and its deals                            | submitting, dropping                     |
 * | submitting | the proof is here and verified; waits for a mutable deadline      | waiting, landed, failed, cancelled, dropping |
 * | waiting    | a message is written down; the desk follows it                    | landed, submitting, failed               |
 * | landed     | the message counts; waits for finality                           | – (record offline), waiting, failed      |
 * | failed     | sending it again would not help: a person has to look            | submitting (submitted again, restart), dropping |
 * | cancelled  | an operator stopped the sending                                  | submitting (submitted again, restart), dropping |
 * | dropping   | given up: its deals go back                                      | – (record offline, candidate again)      |
 */
export type SnapUpState = 'allocated' | 'submitting' | 'waiting' | 'landed' | 'failed' | 'cancelled' | 'dropping'

/** The upgrade of one sector, from its allocation to its finality. */
export interface SnapUpJob {
  readonly sid: SectorID
  /** Where it was a candidate; null when that is not known. */
  readonly deadline: number | null
  readonly state: SnapUpState
  /** Failures in a row. */
  readonly attempts: number
  /** Messages that failed on the chain since the proof was submitted: each was paid for. */
  readonly failedMessages: number
  /** It is not looked at before this, ms since the Unix epoch; a restart looks at once. */
  readonly nextAt: number
  /** What it waits for, or why it failed; for people. */
  readonly note: string
  /** ms since the Unix epoch. */
  readonly changedAt: number
}

/** In these nothing was sent, or what was sent has failed: the upgrade can be given up. */
export const DROPPABLE: ReadonlySet<SnapUpState> = new Set([
  'allocated',
  'submitting',
  'failed',
  'cancelled',
  'dropping',
])
/** In these a person or a worker has to do something. */
export const STOPPED: ReadonlySet<SnapUpState> = new Set(['failed', 'cancelled'])
/** In these there is something to do now, or when the chain has gone on. */
export const LOOKED_AT: readonly SnapUpState[] = ['submitting', 'landed']
