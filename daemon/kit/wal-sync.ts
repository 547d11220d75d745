import { closeSync, fdatasync, fsync, openSync, realpathSync } from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import type { SqliteConnection } from './sqlite-statements.js'

const dataSync = promisify(fdatasync)
const fullSync = promisify(fsync)

const ofConnection = new WeakMap<SqliteConnection, WalSync>()

/**
 * Brings the log of a SQLite database to the disk in a thread of its own. SQLite itself does that within a commit, and holds up the whole process for as
 * long as the disk takes. What was committed with `synchronous = NORMAL` is in the log already, in its order: once the log is on the disk, so is the
 * commit; a checkpoint that comes in between brings the log to the disk first. A disk that has failed once is not asked again: the system reports a lost
 * write one time only, and what is written behind a gap in the log is gone with the power, whatever the disk says of it. Nothing is promised from then on;
 * a new connection begins with what is really there.
 */
export class WalSync {
  readonly #file: string
  #log: Promise<number> | undefined
  #broken: Error | undefined
  #running = 0
  #closed = false

  private constructor(file: string) {
    this.#file = file
  }

  /** For a connection to a file in WAL mode; ends with it. */
  static attach(connection: SqliteConnection, file: string): void {
    const sync = new WalSync(file)
    ofConnection.set(connection, sync)
    const close = connection.close.bind(connection)
    connection.close = () => {
      void sync.#close()
      return close()
    }
  }

  static of(connection: SqliteConnection): WalSync | undefined {
    return ofConnection.get(connection)
  }

  /** Resolves when everything that was committed before is on the disk. */
  async sync(): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken
    this.#running += 1
    try {
      this.#log ??= this.#open()
      await dataSync(await this.#log)
    } catch (cause) {
      this.#broken ??= Object.assign(
        new Error(
          `${this.#file}: the disk did not take what was written, look after it and start the program again: ${(cause as Error).message}`,
        ),
        { code: 'SQLITE_IOERR_FSYNC', cause },
      )
      throw this.#broken
    } finally {
      this.#running -= 1
      if (this.#closed) await this.#close()
    }
    // Another that waited with this one may have had the report of the loss.
    if (this.#broken !== undefined) throw this.#broken
  }

  /** The log is made with the first write; that it is there has to reach the disk, too. */
  async #open(): Promise<number> {
    const file = realpathSync(this.#file)
    const folder = openSync(dirname(file), 'r')
    try {
      await fullSync(folder)
    } finally {
      closeSync(folder)
    }
    return openSync(`${file}-wal`, 'r+')
  }

  async #close(): Promise<void> {
    this.#closed = true
    const log = this.#log
    if (this.#running > 0 || log === undefined) return
    this.#log = undefined
    // One that could not be opened has been told of already.
    const handle = await log.catch(() => undefined)
    if (handle !== undefined) closeSync(handle)
  }
}
