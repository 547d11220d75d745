import type { Knex } from 'knex'
import { z } from 'zod'
import { WdPoStInput } from '../../../../../rpc-schema/manager/wdpost-job.js'
import { SectorNumber } from '../../../../../rpc-schema/wire/numbers.js'
import type { Clock } from '../../../../kit/clock.js'
import { inTransaction } from '../../../../kit/database.js'
import type { Job, Row } from '../../../../kit/queue/job-table.js'
import { jobOf } from '../../../../kit/queue/job-table.js'
import {
  COLUMNS_OF_LIST,
  columnsOf,
  DUE_TRIAL,
  ENDED_TEXT,
  type Ended,
  WDPOST_TABLE,
  type WdPostColumns,
} from './job-table.js'

export type WdPostJob = Job & WdPostColumns

/** `state`: `ready`, `running`, `failed`, or `waiting` until something else is done. */
export interface WindowJobCount {
  readonly part: string
  readonly state: string
  readonly count: number
}

const { name: TABLE, columns: C, states: STATES } = WDPOST_TABLE
const SHORT = [...new Set([...Object.values(C), ...COLUMNS_OF_LIST])]
const OPEN = [STATES.ready, STATES.running]
/** Ids in one statement. */
const CHUNK = 500

/** Of the input of a job: the rest of it is megabytes. */
const Numbers = z.object({ Sectors: z.array(z.object({ SectorId: SectorNumber })) })

export const wdPostJobOf = (row: Row): WdPostJob => ({ ...jobOf(WDPOST_TABLE, row), ...columnsOf(row) })

/** What the queue does not know of the table `wdpost_jobs`. Inputs and outputs are megabytes: they are read only where they are needed. */
export class JobRepository {
  readonly #db: Knex
  readonly #clock: Clock

  constructor(db: Knex, clock: Clock) {
    this.#db = db
    this.#clock = clock
  }

  /** Without inputs and outputs. */
  async find(ids: readonly string[], db: Knex = this.#db): Promise<Map<string, WdPostJob>> {
    const found = new Map<string, WdPostJob>()
    for (let at = 0; at < ids.length; at += CHUNK) {
      const rows: Row[] = await db(TABLE)
        .whereIn('id', ids.slice(at, at + CHUNK))
        .select(SHORT)
      for (const row of rows) found.set(String(row.id), wdPostJobOf(row))
    }
    return found
  }

  /** The copies of a proof, without inputs and outputs. */
  async copies(proofId: string): Promise<WdPostJob[]> {
    const rows: Row[] = await this.#db(TABLE).where('proof_id', proofId).orderBy('id').select(SHORT)
    return rows.map(wdPostJobOf)
  }

  async input(id: string): Promise<WdPoStInput | undefined> {
    const text = await this.#inputText(id)
    return text === undefined ? undefined : z.decode(WdPoStInput, JSON.parse(text))
  }

  /** The sectors of a job; none when it is not there. */
  async sectors(id: string): Promise<number[]> {
    const text = await this.#inputText(id)
    return text === undefined ? [] : Numbers.parse(JSON.parse(text)).Sectors.map(({ SectorId }) => SectorId)
  }

  /** The stores that jobs that read and are ready need, each set of them once. */
  async storesWanted(): Promise<string[]> {
    const rows: { stores: string }[] = await this.#db(TABLE)
      .where({ state: STATES.ready, part: 'read' })
      .distinct('stores')
    return rows.map(({ stores }) => stores)
  }

  /** How many sectors the proof waits for. `isLess`: only when that is fewer than before, as it is when others count at the same time. */
  async setWaits(proofId: string, waits: number, { isLess }: { readonly isLess: boolean }): Promise<void> {
    const jobs = this.#db(TABLE).where({ proof_id: proofId, part: 'prove' }).whereNot('state', STATES.done)
    if (isLess) void jobs.where('waits', '>', waits)
    await jobs.update({ waits })
  }

  /** By part, those that are not done. */
  async count(): Promise<WindowJobCount[]> {
    const rows: { part: string; state: string; waits: number | string; n: number | string }[] = await this.#db(TABLE)
      .whereNot('state', STATES.done)
      .groupBy('part', 'state', 'waits')
      .select('part', 'state', 'waits', this.#db.raw('count(*) as n'))
    const counts = new Map<string, WindowJobCount>()
    for (const { part, state: stored, waits, n } of rows) {
      const state = stored === STATES.ready && Number(waits) > 0 ? 'waiting' : stored
      const { count } = counts.get(`${part}/${state}`) ?? { count: 0 }
      counts.set(`${part}/${state}`, { part, state, count: count + Number(n) })
    }
    return [...counts.values()]
  }

  /** Whether a job of a part could be given to somebody. */
  async isOneReady(part: string): Promise<boolean> {
    const row = await this.#db(TABLE).where({ state: STATES.ready, part, waits: 0 }).first('id')
    return row !== undefined
  }

  async output(id: string): Promise<string | undefined> {
    const row: { output: string | null } | undefined = await this.#db(TABLE).where('id', id).first('output')
    return row?.output ?? undefined
  }

  async #inputText(id: string): Promise<string | undefined> {
    const row: { input: string } | undefined = await this.#db(TABLE).where('id', id).first('input')
    return row?.input
  }

  /**
   * A worker is at these jobs: all of them, or none. A job that is ready again, because its worker was silent, is that worker's again.
   * What keeps it from being so, for one that cannot be: `gone` or the name of the worker who has it.
   */
  heard(
    ids: readonly string[],
    worker: string,
    leaseMs: number,
  ): Promise<{ id: string; owner: string } | 'gone' | undefined> {
    return inTransaction(this.#db, async trx => {
      const jobs = await this.find(ids, trx)
      const now = this.#clock.now()
      for (const id of ids) {
        const job = jobs.get(id)
        if (job === undefined || job.state === 'done' || job.state === 'parked') return 'gone' as const
        if (job.state === 'running' && job.owner !== worker) return { id, owner: job.owner }
      }
      for (const { id, state, fence, startedAt, unheard } of jobs.values()) {
        const back = state === 'ready' && {
          state: STATES.running,
          owner: worker,
          fence: fence + 1,
          started_at: startedAt || now,
          unheard: Math.max(0, unheard - 1),
          not_before: 0,
        }
        const changed = await trx(TABLE)
          .where({ id, fence, state: STATES[state] })
          .update({ ...back, lease_until: now + leaseMs, heartbeat_at: now })
        // Another manager was faster: the worker asks again in three seconds.
        if (changed === 0) throw new Error(`job '${id}' has just been given to another worker`)
      }
      return undefined
    })
  }

  /** As new, whatever it was; false when it is not there. */
  async reset(id: string): Promise<boolean> {
    const now = this.#clock.now()
    const changed = await this.#db(TABLE)
      .where('id', id)
      .update({
        state: STATES.ready,
        owner: '',
        error: '',
        ended: '',
        attempts: 0,
        unheard: 0,
        faults: 0,
        output: null,
        created_at: now,
        started_at: 0,
        finished_at: 0,
        heartbeat_at: 0,
        lease_until: 0,
        not_before: 0,
        fence: this.#db.raw('?? + 1', ['fence']),
      })
    return changed > 0
  }

  /** Ends open jobs that no worker has ended. */
  async end(which: (open: Knex.QueryBuilder) => void, ended: Ended, trx: Knex = this.#db): Promise<number> {
    const jobs = trx(TABLE).whereIn('state', OPEN)
    which(jobs)
    return jobs.update({
      state: STATES.parked,
      error: ENDED_TEXT[ended],
      ended,
      finished_at: this.#clock.now(),
      lease_until: 0,
      fence: trx.raw('?? + 1', ['fence']),
    })
  }

  /** Whether jobs are open that are no trials. */
  async hasRealWork(): Promise<boolean> {
    const open = this.#db(TABLE).whereIn('state', OPEN).where('due_at', '>', this.#clock.now())
    return (await open.where('due_at', '<', DUE_TRIAL).first('id')) !== undefined
  }

  /** What trials have asked of workers, by proof. Looked up before it is changed: there is mostly nothing, and a change by state locks jobs of others. */
  async trials(): Promise<ReadonlyMap<string, readonly string[]>> {
    const rows: { id: string; proof_id: string }[] = await this.#db(TABLE)
      .whereIn('state', [...OPEN, STATES.parked])
      .where('due_at', DUE_TRIAL)
      .select('id', 'proof_id')
    const found = new Map<string, string[]>()
    for (const { id, proof_id } of rows) found.set(proof_id, [...(found.get(proof_id) ?? []), id])
    return found
  }

  /** What was asked for trial is wanted for the chain. */
  async becomeReal(ids: readonly string[], due_at: number): Promise<void> {
    await this.#db(TABLE)
      .whereIn('id', [...ids])
      .update({ due_at })
  }

  /** When a proof is wanted by, of what is not done of it. */
  async setDue(proofId: string, due_at: number): Promise<void> {
    await this.#db(TABLE).where('proof_id', proofId).whereNot('state', STATES.done).update({ due_at })
  }

  /** A worker's attempt was taken from it, and what is known of it is this. */
  async unheard(id: string, error: string): Promise<void> {
    await this.#db(TABLE)
      .where('id', id)
      .whereIn('state', [STATES.ready, STATES.parked])
      .update({ error, unheard: this.#db.raw('?? + 1', ['unheard']) })
  }

  /** A worker that had been silent has reported after all: true when there was such a one. */
  async lateReport(id: string): Promise<boolean> {
    const jobs = this.#db(TABLE).where('id', id).where('unheard', '>', 0)
    return (await jobs.update({ unheard: this.#db.raw('?? - 1', ['unheard']) })) > 0
  }

  /** The end of attempts that have failed for good: the queue does not note it. */
  async failedFor(id: string): Promise<void> {
    await this.#db(TABLE).where({ id, state: STATES.parked, finished_at: 0 }).update({ finished_at: this.#clock.now() })
  }

  /** Deletes what was made before a moment and is not being worked on. How many. */
  async forget(createdBefore: number, most: number): Promise<number> {
    const old: { id: string }[] = await this.#db(TABLE)
      .where('created_at', '<', createdBefore)
      .whereNot('state', STATES.running)
      .orderBy(['created_at', 'id'])
      .limit(most)
      .select('id')
    if (old.length === 0) return 0
    return this.#db(TABLE)
      .whereIn(
        'id',
        old.map(({ id }) => id),
      )
      .delete()
  }
}
