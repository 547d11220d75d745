import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { AllocatedSector } from '../../../rpc-schema/manager/allocation.js'
import type { FilesNeeded } from '../../../rpc-schema/stages/kinds.js'
import { type SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'
import { sealedFiles } from '../plans/steps/persist.js'
import { syncDirectory } from '../store/durable-file.js'
import { cacheDir, isLayerFile, preparedDir, sealedFile, stagedFile, TREE_D_FILE } from '../store/layout.js'
import { removeTaken, takeAway } from './taken-away.js'

/** Stage outputs of a sector, beside its files. */
export const outputsDir = (sector: SectorID): string => join('outputs', sectorName(sector))

/** On a path: what is on its way to it and not whole yet. */
export const FETCHING = 'fetching'
/** In the home of a worker: what tasks have fetched that need no path. */
export const FETCHED = 'fetched'

/** Of a sector. */
export const fetchingDir = (sector: SectorID): string => join(FETCHING, sectorName(sector))

/** Everything of a sector that can be on a sealing path; files and directories, relative to it. */
const placesOf = (sector: SectorID): string[] => [
  stagedFile(sector),
  preparedDir(sector),
  cacheDir(sector),
  sealedFile(sector),
  outputsDir(sector),
]

export interface ListedFile {
  /** Relative to the path. */
  readonly file: string
  readonly bytes: number
}

/** The files of a sector on a path that a kind of task needs. Links are followed: what a link leads to is not on another machine. */
export async function listFiles(root: string, sector: AllocatedSector, needed: FilesNeeded): Promise<ListedFile[]> {
  if (needed === 'sealed') return Promise.all(sealedFiles(sector).map(file => measured(root, file)))
  const places = needed === 'outputs' ? [outputsDir(sector.ID)] : placesOf(sector.ID)
  const found: ListedFile[] = []
  for (const place of places) await collect(root, place, found)
  return found
}

async function measured(root: string, file: string): Promise<ListedFile> {
  return { file, bytes: (await stat(join(root, file))).size }
}

async function collect(root: string, place: string, found: ListedFile[]): Promise<void> {
  const there = await stat(join(root, place)).catch(() => undefined)
  if (there === undefined) return
  if (!there.isDirectory()) return void found.push({ file: place, bytes: there.size })
  for (const name of await readdir(join(root, place))) await collect(root, join(place, name), found)
}

/** The trees that only sealing reads. */
const isForSealing = (name: string): boolean => isLayerFile(name) || name === TREE_D_FILE || /tree-[cd]/.test(name)

/**
 * What is to be removed of a sector on a path, relative to it. On one that keeps sealed sectors, what proofs need stays: whether it is the sector's only copy
 * is not known here.
 */
export async function leftPlaces(root: string, sector: SectorID, keepsSealed: boolean): Promise<string[]> {
  if (!keepsSealed) return [...placesOf(sector), fetchingDir(sector)]
  const cache = cacheDir(sector)
  const names = await readdir(join(root, cache)).catch(() => [])
  return [
    ...[stagedFile(sector), preparedDir(sector), outputsDir(sector), fetchingDir(sector)],
    ...names.filter(isForSealing).map(name => join(cache, name)),
  ]
}

/**
 * Puts what was fetched into `from` in the place of whatever an earlier visit of the sector has left on the path. `mayGoOn` throws when that may be somebody
 * else's by now.
 */
export async function installSector(root: string, sector: SectorID, from: string, mayGoOn: () => void): Promise<void> {
  const parents = new Set<string>()
  const places = placesOf(sector)
  await takeAway(root, sector, places, mayGoOn)
  for (const place of places) {
    const target = join(root, place)
    await mkdir(dirname(target), { recursive: true })
    mayGoOn()
    await rename(join(from, place), target).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
    })
    parents.add(dirname(target))
  }
  for (const parent of parents) await syncDirectory(parent)
  await rm(from, { recursive: true, force: true })
  await removeTaken(root, sector)
}

/** Puts files that were fetched whole into `from` under their names; what stood there is replaced. `mayGoOn` as of {@link installSector}. */
export async function installFiles(
  root: string,
  files: readonly string[],
  from: string,
  mayGoOn: () => void,
): Promise<void> {
  const parents = new Set<string>()
  for (const file of files) {
    const target = join(root, file)
    await mkdir(dirname(target), { recursive: true })
    mayGoOn()
    await rename(join(from, file), target)
    parents.add(dirname(target))
  }
  for (const parent of parents) await syncDirectory(parent)
  await rm(from, { recursive: true, force: true })
}

/** The directories that a sector's files go into. */
export async function makePlaces(root: string, sector: SectorID): Promise<void> {
  for (const place of placesOf(sector)) await mkdir(join(root, dirname(place)), { recursive: true })
  await mkdir(join(root, outputsDir(sector)), { recursive: true })
}
