import { randomBytes } from 'node:crypto'
import { type FSWatcher, watch } from 'node:fs'
import { appendFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { errorText } from '../../../rpc-schema/seal-error.js'
import type { Logger } from '../../kit/log.js'

const FILE = 'tokens.jsonl'

/** One line: a token that was made, or one that was revoked. Lines are only added. */
const LedgerLine = z.union([
  z.object({ made: z.string(), name: z.string(), permissions: z.array(z.string()), at: z.int() }),
  z.object({ revoked: z.string(), at: z.int() }),
])
type LedgerLine = z.infer<typeof LedgerLine>

export interface IssuedToken {
  readonly id: string
  readonly name: string
  readonly permissions: readonly string[]
  /** Milliseconds since the Unix epoch. */
  readonly madeAt: number
  readonly revokedAt: number | undefined
}

const file = (homeDir: string): string => join(homeDir, FILE)

export const newTokenId = (): string => randomBytes(8).toString('hex')

const add = (homeDir: string, line: LedgerLine): Promise<void> =>
  appendFile(file(homeDir), `${JSON.stringify(line)}\n`, { mode: 0o600 })

export const noteMade = (
  homeDir: string,
  token: { id: string; name: string; permissions: string[]; at: number },
): Promise<void> => add(homeDir, { made: token.id, name: token.name, permissions: token.permissions, at: token.at })

/** The tokens that were made in a home, in that order; not the tokens themselves, which nobody keeps. */
export async function issuedTokens(homeDir: string): Promise<IssuedToken[]> {
  let text: string
  try {
    text = await readFile(file(homeDir), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
  const tokens = new Map<string, IssuedToken>()
  for (const [index, line] of text.split('\n').entries()) {
    if (line === '') continue
    let parsed: LedgerLine
    try {
      parsed = LedgerLine.parse(JSON.parse(line))
    } catch (error) {
      throw new Error(`${file(homeDir)}:${index + 1}: not a line of this file`, { cause: error })
    }
    if ('made' in parsed) {
      const { made: id, name, permissions, at } = parsed
      tokens.set(id, { id, name, permissions, madeAt: at, revokedAt: undefined })
    } else {
      const token = tokens.get(parsed.revoked)
      if (token !== undefined) tokens.set(token.id, { ...token, revokedAt: token.revokedAt ?? parsed.at })
    }
  }
  return [...tokens.values()]
}

/** Revokes every token of a name, or the one with this id. Answers how many. */
export async function revokeTokens(homeDir: string, nameOrId: string, at: number): Promise<number> {
  const found = (await issuedTokens(homeDir)).filter(
    ({ id, name, revokedAt }) => revokedAt === undefined && (name === nameOrId || id === nameOrId),
  )
  for (const { id } of found) await add(homeDir, { revoked: id, at })
  return found.length
}

/** Where the file system tells of no changes, they are looked for at most so often, when a token is used. */
const LOOK_EVERY_MS = 1_000

/** The revoked tokens of a home, kept up to date while a manager runs. */
export class RevokedTokens {
  readonly #homeDir: string
  readonly #log: Logger
  #ids: ReadonlySet<string> = new Set()
  #lookedAt = Number.NEGATIVE_INFINITY
  #watcher: FSWatcher | undefined

  private constructor(homeDir: string, log: Logger) {
    this.#homeDir = homeDir
    this.#log = log
  }

  /** Rejects when the file cannot be read: then nobody knows which tokens are revoked. */
  static async open(homeDir: string, log: Logger): Promise<RevokedTokens> {
    const revoked = new RevokedTokens(homeDir, log)
    await revoked.#read()
    try {
      revoked.#watcher = watch(homeDir, { persistent: false }, (_, name) => {
        if (name === FILE) void revoked.#refresh()
      })
      revoked.#watcher.on('error', error => log.warn({ err: error }, 'changes of the tokens are found more slowly'))
    } catch (error) {
      log.warn({ err: error }, `changes of the tokens are found more slowly: ${errorText(error)}`)
    }
    return revoked
  }

  has(id: string): boolean {
    const now = performance.now()
    if (now - this.#lookedAt >= LOOK_EVERY_MS) void this.#refresh()
    return this.#ids.has(id)
  }

  close(): void {
    this.#watcher?.close()
  }

  /** A file that cannot be read just now leaves what was known. */
  async #refresh(): Promise<void> {
    this.#lookedAt = performance.now()
    await this.#read().catch((error: unknown) =>
      this.#log.error({ err: error }, `revoked tokens not read, those known stay revoked: ${errorText(error)}`),
    )
  }

  async #read(): Promise<void> {
    const tokens = await issuedTokens(this.#homeDir)
    this.#ids = new Set(tokens.flatMap(({ id, revokedAt }) => (revokedAt === undefined ? [] : [id])))
  }
}
