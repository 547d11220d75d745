import { basename, dirname, join, resolve } from 'node:path'
import { sectorSizeLabel } from '../../../rpc-schema/wire/proof-types.js'
import type { ConfigProblem } from '../../kit/config/config-error.js'
import { childEnvironment } from '../../kit/processors/child-environment.js'
import { needsNoAttached } from '../plans/registry.js'
import type { AttachedStore } from '../store/attached-store.js'
import { openScanned } from '../store/attached-store.js'
import { directories } from '../store/directory-glob.js'
import { HOLDER_FILE } from '../store/store-lock.js'
import { type CheckSubject, childrenOf, problemAt, threadPlaces } from './check-subject.js'
import type { Place } from './machine.js'

// What a configuration names and the machine must have.

/** What is wrong with a place that should be a directory; undefined when nothing. */
function noDirectory(place: Place, what: string): string | undefined {
  if (place.kind === 'directory') return undefined
  if (place.kind === 'missing') return `${what} does not exist`
  return place.kind === 'unknown' ? `${what}: ${place.why}` : `${what} is not a directory`
}

/** A sealing store is there, or can be made in a directory that is. */
export async function sealingStores(subject: CheckSubject): Promise<ConfigProblem[]> {
  const found: ConfigProblem[] = []
  for (const { location, path } of threadPlaces(subject)) {
    const message = await sealingStoreProblem(subject, resolve(location))
    if (message !== undefined) found.push(problemAt(subject, path, message))
  }
  return found
}

async function sealingStoreProblem({ machine }: CheckSubject, location: string): Promise<string | undefined> {
  const place = await machine.place(location)
  if (place.kind === 'missing') {
    const parent = dirname(location)
    const around = await machine.place(parent)
    const wrong = noDirectory(around, `the parent directory ${parent}`)
    if (wrong !== undefined) return `${location} cannot be made: ${wrong}`
    return around.kind === 'directory' && !around.writable
      ? `${location} cannot be made: ${parent} is not writable`
      : undefined
  }
  const wrong = noDirectory(place, location)
  if (wrong !== undefined || place.kind !== 'directory') return wrong
  if ((await machine.place(join(location, HOLDER_FILE))).kind === 'missing') {
    return `${location} is not a sealing store: it has no ${HOLDER_FILE} file (make one with: damocles-worker store sealing-init -l ${location})`
  }
  return place.writable ? undefined : `${location} is not writable`
}

export async function sharedSealingStores(subject: CheckSubject): Promise<ConfigProblem[]> {
  const found: ConfigProblem[] = []
  const first = new Map<string, number>()
  for (const { location, path, thread } of threadPlaces(subject)) {
    const place = await subject.machine.place(location)
    const real = 'real' in place ? place.real : resolve(location)
    const other = first.get(real)
    if (other === undefined) first.set(real, thread)
    else found.push(problemAt(subject, path, `${real} is the store of thread #${other} already: this one is left out`))
  }
  return found
}

export async function attachedStores(subject: CheckSubject): Promise<ConfigProblem[]> {
  const found: ConfigProblem[] = []
  for (const [index, { location }] of subject.config.attached.entries()) {
    const path = resolve(location)
    const place = await subject.machine.place(path)
    const wrong = noDirectory(place, path)
    const remedy = place.kind === 'missing' ? ` (make it with: damocles-worker store file-init -l ${path})` : ''
    if (wrong !== undefined) found.push(problemAt(subject, ['attached', index, 'location'], `${wrong}${remedy}`))
  }
  return found
}

export async function attachedNames(subject: CheckSubject): Promise<ConfigProblem[]> {
  const found: ConfigProblem[] = []
  const first = new Map<string, string>()
  for (const [index, { name, location }] of subject.config.attached.entries()) {
    const place = await subject.machine.place(location)
    const real = 'real' in place ? place.real : resolve(location)
    const known = name ?? real
    const other = first.get(known)
    if (other === undefined) first.set(known, real)
    else {
      const path = ['attached', index, name === undefined ? 'location' : 'name']
      found.push(
        problemAt(subject, path, `two attached stores are named ${JSON.stringify(known)}: ${other} and ${real}`),
      )
    }
  }
  return found
}

export async function unwritableAttached(subject: CheckSubject): Promise<ConfigProblem[]> {
  const found: ConfigProblem[] = []
  for (const [index, { location, readonly }] of subject.config.attached.entries()) {
    const place = await subject.machine.place(location)
    if (readonly || place.kind !== 'directory' || place.writable) continue
    const path = ['attached', index, 'location']
    found.push(problemAt(subject, path, `${resolve(location)} is not writable (set \`readonly = true\` if so meant)`))
  }
  return found
}

export function noStoreNamed(subject: CheckSubject): ConfigProblem[] {
  const { attached, scanPersistStores } = subject.config
  if (attached.length > 0 || scanPersistStores.length > 0 || needsNoAttached(subject.config.threads)) return []
  const message = 'no persist store is attached: add an [[attached]] entry, or worker.scan_persist_stores that find one'
  return [problemAt(subject, ['attached'], message)]
}

/** What the patterns find, and that no two stores end up with one name. */
export async function scannedStores(subject: CheckSubject): Promise<ConfigProblem[]> {
  const found: ConfigProblem[] = []
  const names = new Map<string, string>()
  for (const { name, location } of subject.config.attached) {
    const place = await subject.machine.place(location)
    if ('real' in place) names.set(name ?? place.real, place.real)
  }
  for (const [index, pattern] of subject.config.scanPersistStores.entries()) {
    const path = ['worker', 'scan_persist_stores', index]
    try {
      const stores = await scan(pattern)
      if (stores.length === 0)
        found.push(problemAt(subject, path, `${pattern} finds no directory with a sectorstore.json`))
      for (const { name, root } of stores) {
        const other = names.get(name)
        if (other === undefined) names.set(name, root)
        else
          found.push(
            problemAt(subject, path, `two attached stores are named ${JSON.stringify(name)}: ${other} and ${root}`),
          )
      }
    } catch (error) {
      found.push(problemAt(subject, path, (error as Error).message))
    }
  }
  return found
}

async function scan(pattern: string): Promise<AttachedStore[]> {
  const stores: AttachedStore[] = []
  for await (const directory of directories(pattern)) {
    const store = await openScanned(directory)
    if (store !== undefined) stores.push(store)
  }
  return stores
}

export async function localPieces(subject: CheckSubject): Promise<ConfigProblem[]> {
  const found: ConfigProblem[] = []
  for (const [index, directory] of subject.config.localPiecesDirs.entries()) {
    const wrong = noDirectory(await subject.machine.place(directory), resolve(directory))
    if (wrong !== undefined) found.push(problemAt(subject, ['worker', 'local_pieces_dirs', index], wrong))
  }
  return found
}

/** The keys of `static_tree_d` as they are written, by the path they stand for. */
function treeKeys(subject: CheckSubject): { path: string[]; size: number; file: string }[] {
  const written = Object.keys(
    (subject.source.file.value.processors as { static_tree_d?: Record<string, string> } | undefined)?.static_tree_d ??
      {},
  )
  return [...subject.config.processors.staticTreeD].map(([size, file], index) => ({
    path: ['processors', 'static_tree_d', written[index] ?? sectorSizeLabel(size)],
    size,
    file,
  }))
}

export async function staticTrees(subject: CheckSubject): Promise<ConfigProblem[]> {
  const found: ConfigProblem[] = []
  for (const { path, file } of treeKeys(subject)) {
    const place = await subject.machine.place(file)
    if (place.kind === 'file') continue
    const why = { missing: 'does not exist', unknown: 'cannot be read', directory: 'is no file', other: 'is no file' }
    found.push(problemAt(subject, path, `${resolve(file)} ${why[place.kind]}`))
  }
  return found
}

/** A binary tree over the 32-byte nodes of the sector, leaves included. */
const treeDBytes = (sectorSize: number): number => 2 * sectorSize - 32

export async function treeSizes(subject: CheckSubject): Promise<ConfigProblem[]> {
  const found: ConfigProblem[] = []
  for (const { path, size, file } of treeKeys(subject)) {
    const place = await subject.machine.place(file)
    if (place.kind !== 'file' || place.bytes === treeDBytes(size)) continue
    const message = `${resolve(file)} is not the tree_d of such a sector: expected ${treeDBytes(size)} bytes, found ${place.bytes}`
    found.push(problemAt(subject, path, message))
  }
  return found
}

/** Where `execvp` looks when there is no PATH. */
const NO_PATH = '/bin:/usr/bin'

export async function programs(subject: CheckSubject): Promise<ConfigProblem[]> {
  const found: ConfigProblem[] = []
  for (const { stage, index, child, path } of childrenOf(subject)) {
    if (child.bin === undefined) continue
    const searchPath = childEnvironment(stage, index, child, subject.machine.env).PATH ?? NO_PATH
    if ((await subject.machine.program(child.bin, searchPath)) !== undefined) continue
    const place = await subject.machine.place(child.bin)
    const what = !child.bin.includes('/')
      ? `${basename(child.bin)} is not in the PATH (${searchPath})`
      : place.kind === 'file'
        ? `${resolve(child.bin)} is not executable`
        : `there is no program ${resolve(child.bin)}`
    found.push(problemAt(subject, [...path, 'bin'], what))
  }
  return found
}
