import { constants } from 'node:fs'
import { access, realpath, stat } from 'node:fs/promises'
import type { ConfigProblem } from '../../kit/config/config-error.js'
import { withDeadline } from '../concurrency/deadline.js'
import { hasPlugin } from '../storage/drivers/open-driver.js'
import { type CheckSubject, problemAt, type StoreKind, storesOf } from './check-subject.js'

// What a configuration names and the machine must have.

const LOOK_LIMIT_MS = 5_000

type Place =
  | { readonly kind: 'directory'; readonly real: string; readonly writable: boolean }
  | { readonly kind: 'none'; readonly why: string }

/** What lies at a path; a mount that does not answer is told as such. */
async function lookAt(path: string): Promise<Place> {
  const look = async (): Promise<Place> => {
    const found = await stat(path)
    if (!found.isDirectory()) return { kind: 'none', why: 'is not a directory' }
    const writable = await access(path, constants.W_OK).then(
      () => true,
      () => false,
    )
    return { kind: 'directory', real: await realpath(path), writable }
  }
  try {
    return await withDeadline(path, LOOK_LIMIT_MS, look())
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return {
      kind: 'none',
      why: code === 'ENOENT' || code === 'ENOTDIR' ? 'does not exist' : `cannot be read: ${message}`,
    }
  }
}

const KINDS: readonly StoreKind[] = ['PersistStores', 'PieceStores']

/** Stores in directories, with what lies there. Stores behind a plugin have no place here. */
async function places(subject: CheckSubject, kinds: readonly StoreKind[]) {
  const stores = kinds
    .flatMap(kind => storesOf(subject, kind).map(each => ({ kind, ...each })))
    .filter(({ store }) => (store.PluginName || store.Plugin) === '')
  return Promise.all(stores.map(async each => ({ ...each, place: await lookAt(each.store.Path) })))
}

export async function missingStores(subject: CheckSubject): Promise<ConfigProblem[]> {
  return (await places(subject, KINDS)).flatMap(({ store, path, place }) =>
    place.kind === 'none' ? [problemAt(subject, [...path, 'Path'], `${store.Path} ${place.why}`)] : [],
  )
}

export async function unwritableStores(subject: CheckSubject): Promise<ConfigProblem[]> {
  return (await places(subject, KINDS)).flatMap(({ store, path, place }) =>
    place.kind === 'directory' && !place.writable && !store.ReadOnly
      ? [problemAt(subject, [...path, 'Path'], `${store.Path} is not writable (set ReadOnly = true if so meant)`)]
      : [],
  )
}

/** Two names for one directory would count its space, and hold its sectors, twice. */
export async function sharedStores(subject: CheckSubject): Promise<ConfigProblem[]> {
  const found: ConfigProblem[] = []
  for (const kind of KINDS) {
    const first = new Map<string, string>()
    for (const { store, path, place } of await places(subject, [kind])) {
      const real = place.kind === 'directory' ? place.real : store.Path
      const other = first.get(real)
      if (other === undefined) first.set(real, store.Name)
      else found.push(problemAt(subject, [...path, 'Path'], `${real} is the place of ${other} already`))
    }
  }
  return found
}

/** A store whose module is not there cannot be opened. */
export function missingPlugins(subject: CheckSubject): ConfigProblem[] {
  return KINDS.flatMap(kind =>
    storesOf(subject, kind).flatMap(({ store, path }) => {
      const plugin = store.PluginName || store.Plugin
      if (plugin === '' || hasPlugin(plugin)) return []
      const key = store.PluginName === '' ? 'Plugin' : 'PluginName'
      return [
        problemAt(
          subject,
          [...path, key],
          `expected "s3", a package or a file with a store, found ${JSON.stringify(plugin)}: there is no such module`,
        ),
      ]
    }),
  )
}
