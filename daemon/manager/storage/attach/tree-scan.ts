import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Minimatch } from 'minimatch'
import { parseSectorName, type SectorID, sectorName } from '../../../../rpc-schema/wire/sector-id.js'
import { missingIsUndefined } from '../drivers/directory-driver.js'
import type { IndexKind } from '../sector-index.js'
import { provingCacheFiles } from '../store-files.js'

/** Which parts of a sector the tree has. */
export interface FoundSector {
  readonly sid: SectorID
  readonly kind: IndexKind
  readonly sealed: boolean
  readonly cache: boolean
}

/** What lies in the tree under the name of a sector and cannot be used. */
export interface Passed {
  readonly path: string
  readonly why: string
}

export interface TreeScanOptions {
  root: string
  /** A glob for the names of sectors. */
  pattern: string
  /** A sector may have only one of its two parts here. */
  splitted: boolean
  /** Bytes of the sectors of a miner; undefined for a miner that is not known. */
  sectorSize(miner: number): Promise<number | undefined>
  onFound(found: FoundSector): void | Promise<void>
  onPassed?(passed: Passed): void
  /** How many names have been looked at, of how many. */
  onProgress?(done: number, total: number): void
}

/** Looks at a file system at the same time: enough to keep a network mount busy. */
const PARALLEL = 64

const FOLDERS: readonly { readonly kind: IndexKind; readonly sealed: string; readonly cache: string }[] = [
  { kind: 'normal', sealed: 'sealed', cache: 'cache' },
  { kind: 'upgrade', sealed: 'update', cache: 'update-cache' },
]

interface Candidate {
  readonly name: string
  readonly folders: (typeof FOLDERS)[number]
}

/** Goes through the sectors of a store's tree; answers how many there are under the pattern. */
export async function scanTree(options: TreeScanOptions): Promise<{ total: number; found: number }> {
  const { root, pattern, splitted, onFound, onPassed, onProgress } = options
  const matches = new Minimatch(pattern)
  const candidates: Candidate[] = []
  for (const folders of FOLDERS) {
    const names = new Set(await namesIn(join(root, folders.sealed)))
    if (splitted) for (const name of await namesIn(join(root, folders.cache))) names.add(name)
    for (const name of names) if (matches.match(name)) candidates.push({ name, folders })
  }
  if (candidates.length === 0 && !(await isDirectory(root))) throw new Error(`${root} is not a directory`)
  let [done, found] = [0, 0]
  const look = async (candidate: Candidate): Promise<void> => {
    const seen = await lookAt(candidate, options)
    if ('why' in seen) onPassed?.(seen)
    else {
      found++
      await onFound(seen)
    }
    onProgress?.(++done, candidates.length)
  }
  const next = candidates.values()
  await Promise.all(
    Array.from({ length: PARALLEL }, async () => {
      for (const candidate of next) await look(candidate)
    }),
  )
  return { total: candidates.length, found }
}

async function lookAt({ name, folders }: Candidate, options: TreeScanOptions): Promise<FoundSector | Passed> {
  const { root, splitted, sectorSize } = options
  const path = join(folders.sealed, name)
  const passed = (why: string): Passed => ({ path, why })
  const sid = sectorOf(name)
  if (sid === undefined) return passed('not the name of a sector, as in s-t01000-3')
  const size = await sectorSize(sid.Miner)
  if (size === undefined) return passed(`the sector size of miner t0${sid.Miner} is not known`)
  const [sealed, missing] = await Promise.all([
    stat(join(root, path)).catch(missingIsUndefined),
    firstMissing(join(root, folders.cache, name), size),
  ])
  const isSealed = sealed?.size === size
  const found = { sid, kind: folders.kind, sealed: isSealed, cache: missing === undefined }
  if (splitted ? isSealed || missing === undefined : isSealed && missing === undefined) return found
  if (sealed === undefined) return passed('there is no sealed file')
  if (!isSealed) return passed(`the sealed file has ${sealed.size} bytes, expected ${size}`)
  return passed(`${join(folders.cache, name, missing!)} is not there`)
}

/** By one listing of the directory: on a network mount each single look costs a round trip. */
async function firstMissing(directory: string, sectorSize: number): Promise<string | undefined> {
  const entries = (await readdir(directory, { withFileTypes: true }).catch(missingIsUndefined)) ?? []
  const kinds = new Map(entries.map(entry => [entry.name, entry]))
  for (const file of provingCacheFiles(sectorSize)) {
    const entry = kinds.get(file)
    if (entry === undefined) return file
    // A link may lead nowhere.
    if (entry.isSymbolicLink() && (await stat(join(directory, file)).catch(missingIsUndefined)) === undefined)
      return file
  }
  return undefined
}

/** Only names as our own paths have them: those of another network would not be found again. */
function sectorOf(name: string): SectorID | undefined {
  try {
    const sid = parseSectorName(name)
    return sectorName(sid) === name ? sid : undefined
  } catch {
    return undefined
  }
}

const namesIn = async (directory: string): Promise<string[]> =>
  (await readdir(directory).catch(missingIsUndefined)) ?? []

const isDirectory = async (path: string): Promise<boolean> =>
  (await stat(path).catch(missingIsUndefined))?.isDirectory() ?? false
