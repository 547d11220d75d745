import type { Knex } from 'knex'

/** Times in milliseconds since the Unix epoch. */
export interface TakeoverRow {
  readonly source: string
  readonly beganAt: number
  readonly finishedAt: number | null
}

const takeover = (row: {
  source: string
  began_at: number | string
  finished_at: number | string | null
}): TakeoverRow => ({
  source: row.source,
  beganAt: Number(row.began_at),
  finishedAt: row.finished_at === null ? null : Number(row.finished_at),
})

/** The table `takeovers`. */
export class TakeoverRepository {
  async find(source: string, db: Knex): Promise<TakeoverRow | undefined> {
    const row = await db('takeovers').where({ source }).forUpdate().first()
    return row && takeover(row)
  }

  async list(db: Knex): Promise<TakeoverRow[]> {
    return (await db('takeovers').orderBy('began_at')).map(takeover)
  }

  async begin(source: string, at: number, db: Knex): Promise<void> {
    await db('takeovers').insert({ source, began_at: at }).onConflict('source').ignore()
  }

  async finish(source: string, at: number, db: Knex): Promise<void> {
    await db('takeovers').where({ source }).whereNull('finished_at').update({ finished_at: at })
  }

  /** Whether one is on its way. */
  async running(db: Knex): Promise<boolean> {
    return (await db('takeovers').whereNull('finished_at').first('source')) !== undefined
  }
}
