import type { Knex } from 'knex'
import { z } from 'zod'
import type { AllocatedSector } from '../../../rpc-schema/manager/allocation.js'
import { type StageLeftover, StageWorkerReport } from '../../../rpc-schema/manager/stages.js'
import type { StageKind } from '../../../rpc-schema/stages/kinds.js'
import { parseSectorName, type SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'
import { hotRows, hotRun, isSqlite } from '../../kit/database.js'
import type { JobState } from '../../kit/queue/job-table.js'

export interface StageSector {
  readonly sector: AllocatedSector
  readonly state: string
  readonly place: string | null
  readonly record: string | null
}

/** A task with what is known of its sector. */
export interface StageTask {
  readonly id: string
  readonly sid: SectorID
  readonly proofType: number
  readonly kind: StageKind
  readonly state: JobState
  readonly owner: string
  readonly error: string
  readonly place: string | null
  /** Where the attempt works, and where it has its files from. */
  readonly path: string | null
  readonly fetchFrom: string | null
  readonly readyAt: number
  readonly startedAt: number
  readonly notBefore: number
  readonly leaseUntil: number
  readonly attempts: number
  readonly fence: number
}

export interface StageWorker {
  readonly report: StageWorkerReport
  readonly seenAt: number
}

type Row = Readonly<Record<string, unknown>>

const filled = (value: unknown): string | null => (value === '' || value === null ? null : String(value))
const key = ({ Miner, Number: number }: SectorID) => ({ miner: Miner, number })

const leftoverOf = (row: Row): StageLeftover => ({
  Path: String(row.path),
  Sector: { Miner: Number(row.miner), Number: Number(row.number) },
})

const taskOf = (row: Row): StageTask => ({
  id: String(row.id),
  sid: { Miner: Number(row.miner), Number: Number(row.number) },
  proofType: Number(row.proof_type),
  kind: row.kind as StageKind,
  state: row.state as JobState,
  owner: String(row.owner),
  error: String(row.error),
  place: filled(row.place),
  path: filled(row.path),
  fetchFrom: filled(row.fetch_from),
  readyAt: Math.max(Number(row.created_at), Number(row.not_before)),
  startedAt: Number(row.started_at),
  notBefore: Number(row.not_before),
  leaseUntil: Number(row.lease_until),
  attempts: Number(row.attempts),
  fence: Number(row.fence),
})

const TASK_COLUMNS = [
  ...['id', 'miner', 'number', 'kind', 'state', 'owner', 'error', 'path', 'fetch_from'],
  ...['created_at', 'started_at', 'not_before', 'lease_until', 'attempts', 'fence'],
]
  .map(column => `t.${column}`)
  .concat('s.proof_type', 's.place')
  .join(', ')

const OPEN_TASKS = `SELECT ${TASK_COLUMNS} FROM stage_tasks t JOIN stage_sectors s ON s.miner = t.miner AND s.number = t.number
  WHERE t.state IN ('ready', 'running', 'parked')`

/** The tables `stage_board`, `stage_sectors`, `stage_workers` and `stage_leftovers`, and of `stage_tasks` what its queue does not know of. */
export class StageRepository {
  readonly #reports = new Map<string, { readonly text: string; readonly report: StageWorkerReport }>()

  async addSector({ ID, ProofType }: AllocatedSector, state: string, at: number, trx: Knex): Promise<void> {
    await trx('stage_sectors').insert({
      ...key(ID),
      proof_type: ProofType,
      state,
      place: '',
      record: null,
      begun_at: at,
    })
  }

  async sector(sid: SectorID, db: Knex): Promise<StageSector | undefined> {
    const row: Row | undefined = await db('stage_sectors').where(key(sid)).first()
    if (row === undefined) return undefined
    return {
      sector: { ID: sid, ProofType: Number(row.proof_type) },
      state: String(row.state),
      place: filled(row.place),
      record: filled(row.record),
    }
  }

  async change(sid: SectorID, changes: { state?: string; place?: string; record?: string }, trx: Knex): Promise<void> {
    await trx('stage_sectors').where(key(sid)).update(changes)
  }

  /** Forgets a sector and its tasks; its files on `place` are to be removed. */
  async dropSector(sid: SectorID, trx: Knex): Promise<void> {
    const found = await this.sector(sid, trx)
    if (found?.place != null) await this.addLeftover({ Path: found.place, Sector: sid }, trx)
    await trx('stage_sectors').where(key(sid)).delete()
    await trx('stage_tasks').where(key(sid)).delete()
  }

  /** Everything that is not done: thousands of rows. */
  async openTasks(db: Knex): Promise<StageTask[]> {
    return (await hotRows<Row>(db, OPEN_TASKS, [])).map(taskOf)
  }

  async openTasksOf({ Miner, Number: number }: SectorID, db: Knex): Promise<StageTask[]> {
    const sql = `${OPEN_TASKS} AND t.miner = ? AND t.number = ?`
    return (await hotRows<Row>(db, sql, [Miner, number])).map(taskOf)
  }

  /** What counts everything that takes memory or room. */
  async revision(db: Knex): Promise<number> {
    const [row] = await hotRows<Row>(db, 'SELECT revision FROM stage_board WHERE id = 1', [])
    return Number(row?.revision ?? 0)
  }

  /** Counts what this transaction takes, and keeps everybody else from taking anything until it has ended; false when somebody has since `seen`. */
  async advance(seen: number, trx: Knex.Transaction): Promise<boolean> {
    const board = trx('stage_board').where({ id: 1, revision: seen })
    return (await board.update({ revision: seen + 1 })) > 0
  }

  /** The same for what is taken whatever others have. The count with this one. */
  async count(trx: Knex.Transaction): Promise<number> {
    await trx('stage_board').where({ id: 1 }).increment('revision', 1)
    return this.revision(trx)
  }

  /** What the processes of a worker are at, as far as anybody knows. */
  async runningOf(worker: string, db: Knex): Promise<StageTask[]> {
    const rows: Row[] = await this.#tasks(db)
      .where('t.state', 'running')
      .where('t.owner', '>=', `${worker}/`)
      .where('t.owner', '<', `${worker}0`)
    return rows.map(taskOf)
  }

  /** Who is at something. */
  async runningOwners(db: Knex): Promise<string[]> {
    const rows: Row[] = await db('stage_tasks').where('state', 'running').distinct('owner')
    return rows.map(({ owner }) => String(owner))
  }

  async task(id: string, db: Knex): Promise<StageTask | undefined> {
    const row: Row | undefined = await this.#tasks(db).where('t.id', id).first()
    return row && taskOf(row)
  }

  /** As {@link task}, and nobody else changes it before the transaction has ended. */
  async taskToChange(id: string, trx: Knex.Transaction): Promise<StageTask | undefined> {
    const row: Row | undefined = await this.#tasks(trx).where('t.id', id).forUpdate().first()
    return row && taskOf(row)
  }

  #tasks(db: Knex) {
    return db('stage_tasks as t')
      .join('stage_sectors as s', join => join.on('s.miner', 't.miner').on('s.number', 't.number'))
      .select('t.*', 's.proof_type', 's.place')
  }

  /** The row of a task with what workers have written down of its sector; nobody else changes it before the transaction has ended. */
  async rowToTake(id: string, trx: Knex.Transaction): Promise<Row | undefined> {
    const sql = `SELECT t.*, s.record FROM stage_tasks t JOIN stage_sectors s ON s.miner = t.miner AND s.number = t.number
      WHERE t.id = ?${isSqlite(trx) ? '' : ' FOR UPDATE'}`
    const [row] = await hotRows<Row>(trx, sql, [id])
    return row
  }

  async noteAttempt(id: string, path: string | null, fetchFrom: string | null, trx: Knex): Promise<void> {
    await hotRun(trx, 'UPDATE stage_tasks SET path = ?, fetch_from = ? WHERE id = ?', [path ?? '', fetchFrom ?? '', id])
  }

  async saveWorker(report: StageWorkerReport, at: number, db: Knex): Promise<void> {
    const row = { boot: report.Boot, seen_at: at, report: JSON.stringify(z.encode(StageWorkerReport, report)) }
    await db('stage_workers')
      .insert({ id: report.ID, ...row })
      .onConflict('id')
      .merge(row)
  }

  async workers(db: Knex): Promise<StageWorker[]> {
    const rows: Row[] = await db('stage_workers').orderBy('seen_at', 'desc')
    return rows.map(row => ({
      report: this.#reportOf(String(row.id), String(row.report)),
      seenAt: Number(row.seen_at),
    }))
  }

  /** Most are as they were when they were read last. */
  #reportOf(id: string, text: string): StageWorkerReport {
    const known = this.#reports.get(id)
    if (known?.text === text) return known.report
    const report = z.decode(StageWorkerReport, JSON.parse(text))
    this.#reports.set(id, { text, report })
    return report
  }

  async forgetWorkers(seenBefore: number, db: Knex): Promise<void> {
    await db('stage_workers').where('seen_at', '<', seenBefore).delete()
  }

  async addLeftover({ Path, Sector }: StageLeftover, trx: Knex): Promise<void> {
    await trx('stage_leftovers')
      .insert({ path: Path, ...key(Sector) })
      .onConflict(['path', 'miner', 'number'])
      .ignore()
  }

  /** Those on the paths that nobody, or only `remover`, is removing. */
  async leftovers(paths: readonly string[], remover: string, most: number, db: Knex): Promise<StageLeftover[]> {
    if (paths.length === 0) return []
    const rows: Row[] = await db('stage_leftovers')
      .whereIn('path', [...paths])
      .whereIn('remover', ['', remover])
      .limit(most)
    return rows.map(leftoverOf)
  }

  /** False when nothing is to be removed there any more, or somebody else is removing it. */
  async takeLeftover(leftover: StageLeftover, remover: string, trx: Knex): Promise<boolean> {
    const mine = this.#leftover(leftover, trx).whereIn('remover', ['', remover])
    return (await mine.update({ remover })) > 0
  }

  /** What processes of workers are removing. */
  async removals(db: Knex): Promise<{ leftover: StageLeftover; remover: string }[]> {
    const rows = await hotRows<Row>(
      db,
      "SELECT path, miner, number, remover FROM stage_leftovers WHERE remover > ''",
      [],
    )
    return rows.map(row => ({ leftover: leftoverOf(row), remover: String(row.remover) }))
  }

  /** Whoever has been removing something ended over it: others may. */
  async freeLeftovers(remover: string, trx: Knex): Promise<void> {
    await trx('stage_leftovers').where({ remover }).update({ remover: '' })
  }

  async removeLeftover(leftover: StageLeftover, db: Knex): Promise<void> {
    await this.#leftover(leftover, db).delete()
  }

  /** What is left there of a sector that comes there now is not to be removed any more; false when somebody is just removing it. */
  async keepLeftover(leftover: StageLeftover, trx: Knex.Transaction): Promise<boolean> {
    const { Path, Sector } = leftover
    const sql = 'SELECT path FROM stage_leftovers WHERE path = ? AND miner = ? AND number = ?'
    const found = await hotRows<Row>(trx, sql, [Path, Sector.Miner, Sector.Number])
    return found.length === 0 || (await this.#leftover(leftover, trx).where({ remover: '' }).delete()) > 0
  }

  #leftover({ Path, Sector }: StageLeftover, db: Knex): Knex.QueryBuilder {
    return db('stage_leftovers').where({ path: Path, ...key(Sector) })
  }
}

export const taskId = (sid: SectorID, kind: StageKind, at: number): string =>
  `${sectorName(sid)}.${kind}.${at.toString(36)}`

/** Of the id of a task. */
export function sectorOfTask(id: string): SectorID | undefined {
  try {
    return parseSectorName(id.slice(0, id.indexOf('.')))
  } catch {
    return undefined
  }
}
