import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Tokens } from '../../kit/rpc/tokens.js'

const FILE = 'token-secret'
const BYTES = 32

/** Where a home keeps the secret that its tokens are signed with. Whoever can read it can make tokens. */
export const tokenSecretFile = (homeDir: string): string => join(homeDir, FILE)

function read(file: string): Tokens {
  const secret = Buffer.from(readFileSync(file, 'utf8').trim(), 'hex')
  if (secret.length !== BYTES) throw new Error(`${file}: expected ${BYTES} bytes in hex; without it no token is valid`)
  return new Tokens(secret)
}

/** The tokens of a home; its secret is made when there is none. For the start and for commands, not for the hot path. */
export function tokensOf(homeDir: string): Tokens {
  const file = tokenSecretFile(homeDir)
  try {
    return read(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  mkdirSync(homeDir, { recursive: true })
  try {
    writeFileSync(file, `${randomBytes(BYTES).toString('hex')}\n`, { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return read(file)
}

/** The tokens of a home that has a secret which we may read; undefined otherwise. */
export function tokensIfThere(homeDir: string): Tokens | undefined {
  try {
    return read(tokenSecretFile(homeDir))
  } catch {
    return undefined
  }
}

/** A new secret: every token that was made before is void. A running manager takes it at its next start. */
export function renewTokenSecret(homeDir: string): void {
  const file = tokenSecretFile(homeDir)
  mkdirSync(homeDir, { recursive: true })
  writeFileSync(file, `${randomBytes(BYTES).toString('hex')}\n`, { mode: 0o600 })
  chmodSync(file, 0o600)
}
