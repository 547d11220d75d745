import { randomUUID } from 'node:crypto'
import type { Knex } from 'knex'

/** The id by which servers know this worker; it is made once and kept in the table `worker_infos`. */
export async function workerIdentity(db: Knex): Promise<string> {
  const row: { id: string } | undefined = await db('worker_infos').first('id')
  if (row !== undefined) return row.id
  const id = randomUUID()
  await db('worker_infos').insert({ id })
  return id
}
