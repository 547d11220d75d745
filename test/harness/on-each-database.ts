import { freshMariaDb, noMariaDb } from './mariadb.js'

/** One kind of database that a daemon keeps its state in. */
export interface TestDatabase {
  readonly name: string
  /** The DSN of an empty one. */
  fresh(): Promise<string>
}

export const SQLITE: TestDatabase = { name: 'SQLite', fresh: async () => ':memory:' }

const DATABASES: readonly (TestDatabase & { readonly missing?: string | undefined })[] = [
  SQLITE,
  { name: 'MariaDB', fresh: freshMariaDb, missing: noMariaDb },
]

/** Declares the same tests for every kind of database. Where one is missing they are skipped, and the title says why. */
export function onEachDatabase(title: string, tests: (database: TestDatabase) => void): void {
  for (const { missing, ...database } of DATABASES) {
    if (missing === undefined) describe(`${title}, on ${database.name}`, () => tests(database))
    else describe.skip(`${title}, on ${database.name} (skipped: ${missing})`, () => tests(database))
  }
}
