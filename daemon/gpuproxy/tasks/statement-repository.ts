import type { Knex } from 'knex'
import { fromHex, toHex } from '../../../rpc-schema/wire/bytes.js'
import { hotRows } from '../../kit/database.js'
import type { SealStatement } from '../resources/c2-resource.js'

/** The table `task_statements`: what the proof of each task is to prove, without the document of megabytes that it is made from. */
export class StatementRepository {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  async put(taskId: string, statement: SealStatement, db: Knex = this.#db): Promise<void> {
    const { sealProof, sectorId, ...bytes } = statement
    const hex = Object.fromEntries(Object.entries(bytes).map(([name, value]) => [name, toHex(value)]))
    await db('task_statements')
      .insert({ task_id: taskId, statement: JSON.stringify({ sealProof, sectorId, ...hex }) })
      .onConflict('task_id')
      .ignore()
  }

  async find(taskId: string): Promise<SealStatement | undefined> {
    const [row] = await hotRows<{ statement: string }>(
      this.#db,
      'select statement from task_statements where task_id = ?',
      [taskId],
    )
    if (row === undefined) return undefined
    const { sealProof, sectorId, ...hex } = JSON.parse(row.statement) as Record<string, string> & { sectorId: number }
    const bytes = Object.fromEntries(Object.entries(hex).map(([name, value]) => [name, fromHex(String(value))]))
    return { sealProof, sectorId, ...bytes } as unknown as SealStatement
  }

  async remove(taskIds: readonly string[], db: Knex = this.#db): Promise<void> {
    await db('task_statements')
      .whereIn('task_id', [...taskIds])
      .delete()
  }
}
