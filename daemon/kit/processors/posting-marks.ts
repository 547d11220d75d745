import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { errorText } from '../../../rpc-schema/seal-error.js'
import type { Logger } from '../log.js'

/** Where the programs of a machine mark that they prove, as the proofs library has its GPU locks there. */
const DIRECTORY = 'sealyard-posting'
/** A mark is renewed so often, and is void when it has not been for so long: a killed process renews nothing. */
const RENEW_MS = 2_000
const VOID_MS = 15_000

/**
 * Window and winning proofs need the GPU of their machine at once, whichever program makes them: it keeps a file for as long as it does. Who is about to begin
 * something on a GPU looks for these first.
 */
export class PostingMarks {
  readonly #directory: string
  readonly #log: Pick<Logger, 'warn'>
  #hasTold = false

  constructor(log: Pick<Logger, 'warn'>, directory: string = join(tmpdir(), DIRECTORY)) {
    this.#log = log
    this.#directory = directory
  }

  /** A proof is never late or lost for its mark. */
  async during<T>(proof: () => Promise<T>): Promise<T> {
    const file = join(this.#directory, `${process.pid}.${randomBytes(6).toString('hex')}`)
    let marked = this.#mark(file)
    const renewals = setInterval(() => {
      marked = marked.then(() => this.#mark(file))
    }, RENEW_MS)
    renewals.unref()
    try {
      return await proof()
    } finally {
      clearInterval(renewals)
      void marked.then(() => rm(file, { force: true })).catch(() => {})
    }
  }

  /** Whether a window or winning proof is being made on this machine. */
  async busy(): Promise<boolean> {
    const names = await readdir(this.#directory).catch(() => [])
    for (const name of names) if (await this.#isRenewed(join(this.#directory, name))) return true
    return false
  }

  async #isRenewed(file: string): Promise<boolean> {
    const found = await stat(file).catch(() => undefined)
    if (found === undefined) return false
    const age = Math.abs(Date.now() - found.mtimeMs)
    if (age > VOID_MS) await rm(file, { force: true }).catch(() => {})
    return age <= VOID_MS
  }

  async #mark(file: string): Promise<void> {
    try {
      if ((await mkdir(this.#directory, { recursive: true })) !== undefined) await chmod(this.#directory, 0o1777)
      await writeFile(file, 'proving\n')
    } catch (error) {
      if (!this.#hasTold)
        this.#log.warn(
          { err: error },
          `${this.#directory} cannot be written (${errorText(error)}): stage workers of this machine do not leave the GPU to its proofs`,
        )
      this.#hasTold = true
    }
  }
}
