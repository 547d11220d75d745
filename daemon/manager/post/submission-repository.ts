import type { Knex } from 'knex'
import { SubmitWindowedPoStParams } from '../../../rpc-schema/actors/miner-post.js'
import { fitting, inTransaction, isKeyTaken, TEXT_COLUMN } from '../../kit/database.js'
import type { PartitionClaim } from './partition-claims.js'
import { next, SUBMIT, type SubmitState } from './schedule.js'

interface Row {
  id: number
  miner: number
  open: number
  state: SubmitState
  partitions: string
  params: Uint8Array
  randomness: Uint8Array
  attempt: number
  message_key: string | null
  failures: number
  fee_level: number
  not_before: number
  note: string
}

/** A proof of some partitions of a window, kept until the window is over. */
export interface Submission {
  readonly id: number
  readonly miner: number
  /** Epoch at which the window opens: with the miner, its name. */
  readonly open: number
  readonly state: SubmitState
  readonly partitions: readonly number[]
  /** Challenge that the proof answers. */
  readonly randomness: Uint8Array
  /** Messages that were written down for it. */
  readonly attempt: number
  /** Key of the last of them. */
  readonly messageKey: string | null
  /** Messages of it that landed with an error. */
  readonly failures: number
  readonly feeLevel: number
  /** No message of it before this epoch. */
  readonly notBefore: number
  readonly note: string
}

export type NewSubmission = Pick<Submission, 'miner' | 'open' | 'partitions' | 'randomness'> & {
  /** Without commit epoch and randomness, which are drawn when it is sent. */
  readonly params: SubmitWindowedPoStParams
}

export type SubmissionPatch = Partial<
  Pick<Submission, 'state' | 'attempt' | 'messageKey' | 'failures' | 'feeLevel' | 'notBefore' | 'note'>
>

/** Everything but the proof. */
const SMALL = [
  'id',
  'miner',
  'open',
  'state',
  'partitions',
  'randomness',
  'attempt',
  'message_key',
  'failures',
  'fee_level',
  'not_before',
  'note',
] as const

/** Windows of so many milliseconds ago are forgotten. */
const KEPT_MS = 7 * 24 * 3_600_000
const FORGOTTEN_AT_ONCE = 500

/** The tables `post_submissions` and `post_partitions`: a partition of a window is in one submission at most. */
export class SubmissionRepository {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  /** Keeps a proof; false when one of its partitions has one already (of another manager, or of before a restart), or the claim is not good any more. */
  async keep(
    { miner, open, partitions, randomness, params }: NewSubmission,
    at: number,
    claim: PartitionClaim,
  ): Promise<boolean> {
    try {
      return await inTransaction(this.#db, async trx => {
        const held = await trx('post_claims').where({ token: claim.token }).count({ count: '*' }).first()
        if (Number(held?.count) !== claim.partitions.length) return false
        const [id] = (await trx('post_submissions').insert({
          miner,
          open,
          state: 'ready' satisfies SubmitState,
          partitions: partitions.join(','),
          params: Buffer.from(SubmitWindowedPoStParams.encode(params)),
          randomness: Buffer.from(randomness),
          attempt: 0,
          failures: 0,
          fee_level: 0,
          not_before: 0,
          note: '',
          created_at: at,
        })) as [number]
        for (const partition of partitions)
          await trx('post_partitions').insert({ miner, open, partition_index: partition, submission_id: id })
        return true
      })
    } catch (error) {
      if (isKeyTaken(error)) return false
      throw error
    }
  }

  async ofWindow(miner: number, open: number): Promise<Submission[]> {
    const rows = await this.#db<Row>('post_submissions')
      .where({ miner, open })
      .orderBy('id')
      .select(...SMALL)
    return rows.map(fromRow)
  }

  /** Partitions of a window that have a proof. */
  async kept(miner: number, open: number): Promise<Set<number>> {
    const rows: { partition_index: number }[] = await this.#db('post_partitions')
      .where({ miner, open })
      .select('partition_index')
    return new Set(rows.map(row => Number(row.partition_index)))
  }

  async params(id: number): Promise<SubmitWindowedPoStParams> {
    const row = (await this.#db<Row>('post_submissions').where({ id }).first('params'))!
    return SubmitWindowedPoStParams.decode(new Uint8Array(row.params))
  }

  /** Changes a submission that is still as it was read; false when somebody else was faster. */
  async update(before: Submission, patch: SubmissionPatch, db: Knex = this.#db): Promise<boolean> {
    const { messageKey, feeLevel, notBefore, note, ...same } = patch
    const changed = await db('post_submissions')
      .where({ id: before.id, state: before.state, attempt: before.attempt })
      .update({
        ...same,
        ...(messageKey !== undefined && { message_key: messageKey }),
        ...(feeLevel !== undefined && { fee_level: feeLevel }),
        ...(notBefore !== undefined && { not_before: notBefore }),
        ...(note !== undefined && { note: fitting(note, TEXT_COLUMN) }),
      })
    return changed === 1
  }

  /** It is useless: its partitions may have another proof. */
  async discard(before: Submission, note: string): Promise<void> {
    const state = next(SUBMIT, before.state, 'useless')?.to
    if (state === undefined) return
    await inTransaction(this.#db, async trx => {
      if (await this.update(before, { state, note }, trx))
        await trx('post_partitions').where({ submission_id: before.id }).delete()
    })
  }

  /** Forgets what is long over. Returns the keys of its messages. */
  async prune(now: number): Promise<string[]> {
    const old: Pick<Row, 'id' | 'attempt'>[] = await this.#db<Row>('post_submissions')
      .where('created_at', '<', now - KEPT_MS)
      .orderBy('created_at')
      .limit(FORGOTTEN_AT_ONCE)
      .select('id', 'attempt')
    const ids = old.map(({ id }) => Number(id))
    await inTransaction(this.#db, async trx => {
      await trx('post_partitions').whereIn('submission_id', ids).delete()
      await trx('post_submissions').whereIn('id', ids).delete()
    })
    return old.flatMap(({ id, attempt }) =>
      Array.from({ length: Number(attempt) }, (_, index) => messageKey(Number(id), index + 1)),
    )
  }
}

/** The key of an attempt's message: whoever makes the same attempt makes the same message. */
export const messageKey = (submission: number, attempt: number): string => `post-${submission}-${attempt}`

const fromRow = (row: Pick<Row, (typeof SMALL)[number]>): Submission => ({
  id: Number(row.id),
  miner: Number(row.miner),
  open: Number(row.open),
  state: row.state,
  partitions: row.partitions.split(',').map(Number),
  randomness: new Uint8Array(row.randomness),
  attempt: Number(row.attempt),
  messageKey: row.message_key,
  failures: Number(row.failures),
  feeLevel: Number(row.fee_level),
  notBefore: Number(row.not_before),
  note: row.note,
})
