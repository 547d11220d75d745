import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { addonLocation, cacheDirectory } from '../../native/addon-location.js'
import { ProofsError, type ProofsFailure } from './errors.js'

interface Addon {
  /** Runs a method on the calling thread; the answer is an envelope. */
  call(method: string, request: string): string
  /** Ends the process without waiting for threads that are inside a call. */
  leave(code: number): never
}

type Envelope = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: ProofsFailure }

/**
 * Where parameters are looked for: `$FIL_PROOFS_PARAMETER_CACHE`, else a directory of this user. The proofs' own default
 * (/var/tmp/filecoin-proof-parameters) is shared by all users of a machine, whom one must not trust with parameters.
 */
export function parameterDirectory(env: NodeJS.ProcessEnv = process.env): string {
  return env.FIL_PROOFS_PARAMETER_CACHE || join(cacheDirectory(env), 'proof-parameters')
}

let loaded: Addon | undefined

function load(): Addon {
  if (loaded !== undefined) return loaded
  const { path, kind } = addonLocation()
  if (!existsSync(path)) {
    const how = kind === 'given' ? 'SEALYARD_NATIVE points to nothing' : 'build it with `npm run prepare`'
    throw new ProofsError({ code: 'NOT_BUILT', message: `there is no native prover ${path}`, causes: [how] })
  }
  let addon: Addon
  try {
    addon = createRequire(import.meta.url)(path) as Addon
  } catch (error) {
    throw new ProofsError(
      { code: 'NOT_BUILT', message: `the native prover ${path} cannot be loaded`, causes: [(error as Error).message] },
      { cause: error },
    )
  }
  configureWith(addon, { FIL_PROOFS_PARAMETER_CACHE: parameterDirectory() })
  loaded = addon
  return addon
}

function configureWith(addon: Addon, env: Readonly<Record<string, string>>): void {
  readEnvelope(addon.call('configure', JSON.stringify({ env })))
}

/** Whether there is an addon to load. */
export const isAvailable = (): boolean => existsSync(addonLocation().path)

/**
 * Sets environment variables that the proofs read (FIL_PROOFS_*, RAYON_NUM_THREADS, …), before their first use in this process. From a worker
 * thread this is the only way: its process.env is a copy. Throws ALREADY_CONFIGURED when they were read with other values.
 */
export function configure(env: Readonly<Record<string, string>>): void {
  configureWith(load(), env)
}

/** One call as text, for the threads of a pool: request and envelope cross the border between threads uninterpreted. */
export const callText = (method: string, request: string): string => load().call(method, request)

/** The value of an envelope; a failure is thrown as a ProofsError. */
export function readEnvelope(text: string): unknown {
  const envelope = JSON.parse(text) as Envelope
  if (envelope.ok) return envelope.value
  throw new ProofsError(envelope.error)
}

/**
 * Ends the process at once. `process.exit` waits until every thread has come back from its native call, and a C2 takes from a minute to an hour;
 * what such a call would have brought is lost either way.
 */
export function leaveProcess(code: number): never {
  return isAvailable() ? load().leave(code) : process.exit(code)
}
