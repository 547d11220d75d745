import { randomUUID } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { schemaIssuesText } from '../../../../rpc-schema/schema-issue.js'
import { SectorStoreFile } from '../../storage/scan-stores.js'

const fileOf = (dir: string): string => join(dir, 'sectorstore.json')

export interface StoreUse {
  readonly Weight: number
  readonly CanSeal: boolean
  readonly CanStore: boolean
}

/** Makes the sectorstore.json of a path, as venus-sealer has it. Throws when there is one. */
export function writeStoreFile(dir: string, use: StoreUse): void {
  const text = `${JSON.stringify({ ID: randomUUID(), ...use, MaxStorage: 0 }, null, 2)}\n`
  try {
    writeFileSync(fileOf(dir), text, { flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw new Error(`${dir} has a sectorstore.json already: attach it without --init`, { cause: error })
  }
}

/** The name that a path has as a store, and whether it keeps sealed sectors. */
export function readStoreFile(dir: string): { name: string; canStore: boolean } {
  let parsed: unknown
  try {
    parsed = JSON.parse(readFileSync(fileOf(dir), 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new Error(`${dir} has no sectorstore.json: pass --init with --store`, { cause: error })
    throw new Error(`${fileOf(dir)}: ${(error as Error).message}`, { cause: error })
  }
  const read = SectorStoreFile.safeParse(parsed)
  if (!read.success) throw new Error(`${fileOf(dir)}: ${schemaIssuesText(read.error, parsed, 'store')}`)
  return { name: read.data.Name || read.data.ID, canStore: read.data.CanStore }
}
