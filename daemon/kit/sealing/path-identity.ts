import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { schemaIssuesText } from '../../../rpc-schema/schema-issue.js'
import { addAttachedPath } from './attached-paths.js'

/** What a path says of itself in its sectorstore.json, as lotus-miner and venus-sealer have it. Programs that read the same id share the path. */
const PathIdentity = z.object({
  ID: z.string().min(1),
  Name: z.string().default(''),
  CanSeal: z.boolean().default(false),
  CanStore: z.boolean().default(true),
})
export type PathIdentity = z.output<typeof PathIdentity>

export const IDENTITY_FILE = 'sectorstore.json'
const fileOf = (dir: string): string => join(dir, IDENTITY_FILE)

export interface PathUse {
  readonly Weight: number
  readonly CanSeal: boolean
  readonly CanStore: boolean
}

/** Makes the sectorstore.json of a path. Throws when there is one. */
export function writeIdentity(dir: string, use: PathUse): void {
  const text = `${JSON.stringify({ ID: randomUUID(), ...use, MaxStorage: 0 }, null, 2)}\n`
  try {
    writeFileSync(fileOf(dir), text, { flag: 'wx', flush: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw new Error(`${dir} has a sectorstore.json already: attach it without --init`, { cause: error })
  }
}

/** Throws an Error that names the file when there is none, or it cannot be understood. */
export function readIdentity(dir: string): PathIdentity {
  let parsed: unknown
  try {
    parsed = JSON.parse(readFileSync(fileOf(dir), 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new Error(`${dir} has no sectorstore.json: pass --init with --seal or --store`, { cause: error })
    throw new Error(`${fileOf(dir)}: ${(error as Error).message}`, { cause: error })
  }
  const read = PathIdentity.safeParse(parsed)
  if (!read.success) throw new Error(`${fileOf(dir)}: ${schemaIssuesText(read.error, parsed, 'store')}`)
  return read.data
}

export interface AttachFlags {
  readonly init: boolean
  readonly seal: boolean
  readonly store: boolean
  readonly weight: number
}

/** Attaches a path to a home, made first where that is asked for. False when it is attached already. */
export async function attachPath(
  home: string,
  dir: string,
  flags: AttachFlags,
): Promise<{ path: string; identity: PathIdentity; added: boolean }> {
  const path = resolve(dir)
  if (flags.init) {
    if (!flags.seal && !flags.store) throw new Error('what for: pass --store, --seal or both with --init')
    mkdirSync(path, { recursive: true })
    writeIdentity(path, { Weight: flags.weight, CanSeal: flags.seal, CanStore: flags.store })
  } else if (!existsSync(path)) throw new Error(`${path} does not exist: pass --init with --seal or --store to make it`)
  const identity = readIdentity(path)
  return { path, identity, added: await addAttachedPath(home, path) }
}
