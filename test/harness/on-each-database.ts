import { dropMariaDb, freshMariaDb, noMariaDb } from './mariadb.js'

/** One kind of database that a daemon keeps its state in. */
export interface TestDatabase {
  readonly name: string
  /** The DSN of an empty one. */
  fresh(): Promise<string>
}

export const SQLITE: TestDatabase = { name: 'SQLite', fresh: async () => ':memory:' }

interface Server extends TestDatabase {
  /** Why it is not here. */
  readonly missing?: string | undefined
  drop?(dsn: string): Promise<void>
}

const DATABASES: readonly Server[] = [
  SQLITE,
  { name: 'MariaDB', fresh: freshMariaDb, drop: dropMariaDb, missing: noMariaDb },
]

/** What the tests have made goes once they are all over: their own hooks are declared before this one, and run before it. */
function declare(tests: (database: TestDatabase) => void, { name, fresh, drop }: Server): void {
  const made: string[] = []
  tests({
    name,
    fresh: async () => {
      const dsn = await fresh()
      made.push(dsn)
      return dsn
    },
  })
  if (drop !== undefined) after(async () => void (await Promise.all(made.splice(0).map(drop))))
}

/** Declares the same tests for every kind of database. Where one is missing they are skipped, and the title says why. */
export function onEachDatabase(title: string, tests: (database: TestDatabase) => void): void {
  for (const { missing, ...database } of DATABASES) {
    if (missing === undefined) describe(`${title}, on ${database.name}`, () => declare(tests, database))
    else describe.skip(`${title}, on ${database.name} (skipped: ${missing})`, () => tests(database))
  }
}
