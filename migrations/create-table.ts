import type { Knex } from 'knex'

/**
 * A new table, on MySQL in InnoDB and with texts that are told apart by every bit: names of stores and workers are compared exactly
 * everywhere else, and SQLite compares so by itself.
 */
export async function createTable(
  db: Knex,
  name: string,
  columns: (table: Knex.CreateTableBuilder) => void,
): Promise<void> {
  await db.schema.createTable(name, table => {
    if (db.client.config.client === 'mysql2') {
      table.engine('InnoDB')
      table.charset('utf8mb4')
      table.collate('utf8mb4_bin')
    }
    columns(table)
  })
}
