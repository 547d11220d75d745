import { join } from 'node:path'
import { renewSecret, tokensIfReadable, tokensIn } from '../../kit/access/token-secret.js'
import type { Tokens } from '../../kit/rpc/tokens.js'

const FILE = 'token-secret'

/** Where a home keeps the secret that its tokens are signed with. */
export const tokenSecretFile = (homeDir: string): string => join(homeDir, FILE)

/** The tokens of a home; its secret is made when there is none. */
export const tokensOf = (homeDir: string): Tokens => tokensIn(tokenSecretFile(homeDir))

/** The tokens of a home that has a secret which we may read; undefined otherwise. */
export const tokensIfThere = (homeDir: string): Tokens | undefined => tokensIfReadable(tokenSecretFile(homeDir))

/** A new secret: every token that was made before is void. A running manager takes it at its next start. */
export const renewTokenSecret = (homeDir: string): void => renewSecret(tokenSecretFile(homeDir))
