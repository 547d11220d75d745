import type { Knex } from 'knex'

/** Codes of a database that can be read and not written to, and what an operator does about each. */
const REFUSALS: readonly { readonly code: RegExp; readonly why: string }[] = [
  { code: /^SQLITE_FULL$/, why: 'the disk of the database is full: make room, nothing else is needed' },
  { code: /^SQLITE_READONLY/, why: 'the database is read-only: look at its mount and its permissions' },
  { code: /^SQLITE_IOERR/, why: 'the disk of the database does not work: look at the log of the kernel' },
  {
    code: /^(ER_OPTION_PREVENTS_STATEMENT|ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION)$/,
    why: 'the database server is read-only',
  },
  { code: /^(ER_RECORD_FILE_FULL|ER_DISK_FULL|ENOSPC)$/, why: 'the disk of the database server is full' },
]

/** Knex's names of statements that write. */
const WRITES: ReadonlySet<string> = new Set(['insert', 'update', 'del'])

function refusalOf(error: unknown): string | undefined {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const { code } = at as { code?: unknown }
    const found = typeof code === 'string' ? REFUSALS.find(refusal => refusal.code.test(code)) : undefined
    if (found !== undefined) return found.why
  }
  return undefined
}

/** Notices when the database takes no writes, so that callers are told what it is and the alarm is up until a write is done again. */
export class WriteRefusals {
  #problem: string | undefined

  /** Why the last write failed; undefined when it was done. */
  get problem(): string | undefined {
    return this.#problem
  }

  written(): void {
    this.#problem = undefined
  }

  /** Also looks at what nobody called for: the writes of background work. */
  watch(db: Knex): void {
    db.on('query-error', (error: unknown) => void this.told(error))
    db.on('query-response', (_: unknown, query: { method?: string }) => {
      if (WRITES.has(query.method ?? '')) this.written()
    })
  }

  /** The error that a caller is given. */
  told(error: unknown): unknown {
    const why = refusalOf(error)
    if (why === undefined) return error
    this.#problem = why
    return new Error(`nothing was changed: ${why}`, { cause: error })
  }
}
