import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { HIDDEN, withoutTokens } from '../../kit/config/hidden.js'

/**
 * A value that may stand elsewhere: `env:NAME` is the value of an environment variable, `file:PATH` the content of a file without the
 * line break at its end. `file://…` is a URL and stays as it is, and so does whatever follows `literal:`.
 */
export const Secret = z
  // What was found may be the secret, in another form: it is not told.
  .string({ error: 'expected a string, `env:NAME` or `file:PATH`, found something else' })
  .meta({ title: 'string, `env:NAME` or `file:PATH`' })

/** Where references point to. */
export interface SecretSources {
  readonly env: NodeJS.ProcessEnv
  readFile(path: string): string
}

export const systemSecrets = (env: NodeJS.ProcessEnv = process.env): SecretSources => ({
  env,
  readFile: path => readFileSync(path, 'utf8'),
})

export interface ResolvedSecret {
  readonly value: string
  /** `env NAME`, `file PATH`; undefined: the value stands in the file itself. */
  readonly origin: string | undefined
}

/** Throws when the variable or the file is not there, or empty. */
export function resolveSecret(text: string, sources: SecretSources): ResolvedSecret {
  const [, kind, rest] = /^(env|file|literal):(.*)$/s.exec(text) ?? []
  if (kind === undefined || rest === undefined || (kind === 'file' && rest.startsWith('//')))
    return { value: text, origin: undefined }
  if (kind === 'literal') return { value: rest, origin: undefined }
  if (kind === 'env') {
    const value = sources.env[rest]
    if (value === undefined) throw new Error(`the environment variable ${rest} is not set`)
    if (value === '') throw new Error(`the environment variable ${rest} is empty`)
    return { value, origin: `env ${rest}` }
  }
  let content: string
  try {
    content = sources.readFile(rest)
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    throw new Error(missing ? `there is no file ${rest}` : `cannot read ${rest}: ${(error as Error).message}`)
  }
  const value = content.replace(/\r?\n$/, '')
  if (value === '') throw new Error(`the file ${rest} is empty`)
  return { value, origin: `file ${rest}` }
}

const SECRET_NAME = /token|secret|passw|passphrase|credential|private|api_?key|access_?key|authorization/i

/** The value of an environment variable for display. */
export const shownEnv = (name: string, value: string): string =>
  SECRET_NAME.test(name) ? HIDDEN : withoutTokens(value)

/** Arguments for display: also what follows a flag like `--token` is hidden. */
export function shownArgs(args: readonly string[]): string[] {
  return args.map((arg, index) => {
    const [, flag] = /^(--?[^=]+)=/.exec(arg) ?? []
    if (flag !== undefined && SECRET_NAME.test(flag)) return `${flag}=${HIDDEN}`
    const before = args[index - 1]
    if (before?.startsWith('-') && !before.includes('=') && SECRET_NAME.test(before) && !arg.startsWith('-'))
      return HIDDEN
    return withoutTokens(arg)
  })
}
