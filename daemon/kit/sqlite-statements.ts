/** What is used here of a connection of better-sqlite3. */
export interface SqliteConnection {
  pragma(text: string, options?: { simple: true }): unknown
  prepare(sql: string): SqliteStatement
  close(): unknown
}

export interface SqliteStatement {
  all(...bindings: readonly unknown[]): unknown[]
  run(...bindings: readonly unknown[]): unknown
}

/** Statements that come again and again; one text for each number of rows or values counts, too, so those that were not used for longest go. */
const MOST_KEPT = 300
const LONGEST_KEPT = 2_000
const KEPT = /^(select|with|insert|update|delete|begin|commit|rollback|savepoint|release)\b/i

/**
 * Makes a connection keep the statements it has prepared: reading its text takes SQLite as long as running a statement that finds one row. What changes
 * the schema makes all of them anew, since the columns of `select *` are known from then.
 */
export function keepStatements(connection: SqliteConnection): void {
  const prepare = connection.prepare.bind(connection)
  const kept = new Map<string, SqliteStatement>()
  connection.prepare = sql => {
    const known = kept.get(sql)
    const statement = known ?? prepare(sql)
    if (known !== undefined) kept.delete(sql)
    else if (!KEPT.test(sql)) kept.clear()
    if (!KEPT.test(sql) || sql.length > LONGEST_KEPT) return statement
    kept.set(sql, statement)
    if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value!)
    return statement
  }
}

/** Commits within `work` do not wait for the disk. */
export async function relaxed<T>(connection: SqliteConnection, work: () => Promise<T>): Promise<T> {
  const before = connection.pragma('synchronous', { simple: true })
  connection.pragma('synchronous = NORMAL')
  try {
    return await work()
  } finally {
    connection.pragma(`synchronous = ${before}`)
  }
}
