import { createRequire } from 'node:module'
import { patiently } from './patient-sqlite.js'
import { keepStatements, type SqliteConnection } from './sqlite-statements.js'

type Open = new (file: string, options: { readonly: true; timeout: 0 }) => SqliteConnection

const ofClient = new WeakMap<object, SqliteReader>()

/**
 * A second connection to a SQLite file in WAL mode that only reads. Reads of single rows neither wait for the transaction that the only writer is in the
 * middle of, nor go through the pool, which takes longer than they do. They see what was committed, as they would on a server.
 */
export class SqliteReader {
  readonly #connection: SqliteConnection

  private constructor(file: string) {
    const Database = createRequire(import.meta.url)('better-sqlite3') as Open
    this.#connection = new Database(file, { readonly: true, timeout: 0 })
    keepStatements(this.#connection)
  }

  /** For the client of a database, from now on and until its connection for writing is closed. */
  static attach(client: object, writer: SqliteConnection, file: string): void {
    const reader = new SqliteReader(file)
    ofClient.set(client, reader)
    const close = writer.close.bind(writer)
    writer.close = () => {
      ofClient.delete(client)
      reader.#connection.close()
      return close()
    }
  }

  static of(client: object): SqliteReader | undefined {
    return ofClient.get(client)
  }

  rows<Row>(sql: string, bindings: readonly unknown[]): Promise<Row[]> {
    return patiently(() => this.#connection.prepare(sql).all(...bindings) as Row[])
  }
}
