import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { Tokens } from '../rpc/tokens.js'

const BYTES = 32

/** The tokens of a secret that is there. Whoever can read its file can make tokens. */
function read(file: string): Tokens {
  const secret = Buffer.from(readFileSync(file, 'utf8').trim(), 'hex')
  if (secret.length !== BYTES) throw new Error(`${file}: expected ${BYTES} bytes in hex; without it no token is valid`)
  return new Tokens(secret)
}

const newSecret = (): string => `${randomBytes(BYTES).toString('hex')}\n`

/** The tokens that are signed with the secret in a file; it is made when there is none. For the start and for commands, not for the hot path. */
export function tokensIn(file: string): Tokens {
  try {
    return read(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  mkdirSync(dirname(file), { recursive: true })
  try {
    writeFileSync(file, newSecret(), { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return read(file)
}

/** The same for a secret that is there and may be read; undefined otherwise. */
export function tokensIfReadable(file: string): Tokens | undefined {
  try {
    return read(file)
  } catch {
    return undefined
  }
}

/** A new secret: every token that was made before is void. A running daemon takes it at its next start. */
export function renewSecret(file: string): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, newSecret(), { mode: 0o600 })
  chmodSync(file, 0o600)
}
