import { pathText } from '../../../rpc-schema/schema-issue.js'
import type { ConfigProblem } from '../../kit/config/config-error.js'
import type { TomlFile } from '../../kit/config/toml-file.js'
import type { ManagerSetup } from './load-settings.js'
import type { PersistStoreSettings, PieceStoreSettings } from './manager-settings.js'

type Path = readonly PropertyKey[]

/** What a check looks at: a configuration whose values all have the right form. */
export interface CheckSubject {
  readonly setup: ManagerSetup
  readonly file: TomlFile
}

export const problemAt = ({ file }: CheckSubject, path: Path, message: string): ConfigProblem => ({
  line: file.lineOf(path),
  path: pathText(path),
  message,
})

type Table = Record<string, unknown>

const tablesAt = (subject: CheckSubject, path: readonly string[]): Table[] => {
  let at: unknown = subject.file.value
  for (const name of path) at = (at as Table | undefined)?.[name]
  return Array.isArray(at) ? (at as Table[]) : []
}

/** Where each miner of the setup stands in the file. */
export function minersOf(subject: CheckSubject): { actor: number; path: Path }[] {
  return tablesAt(subject, ['Miners']).flatMap((entry, index) =>
    typeof entry.Actor === 'number' ? [{ actor: entry.Actor, path: ['Miners', index] }] : [],
  )
}

export type StoreKind = 'PersistStores' | 'PieceStores'

type StoreOf<K extends StoreKind> = K extends 'PersistStores' ? PersistStoreSettings : PieceStoreSettings

/** Where each store of the setup stands in the file. */
export function storesOf<K extends StoreKind>(subject: CheckSubject, kind: K): { store: StoreOf<K>; path: Path }[] {
  const places = tablesAt(subject, ['Common', kind]).flatMap((entry, index) =>
    ['Name', 'Path', 'PluginName', 'Plugin'].some(key => (entry[key] ?? '') !== '') ? [index] : [],
  )
  const stores = kind === 'PersistStores' ? subject.setup.persistStores : subject.setup.pieceStores
  return stores.map((store, at) => ({ store: store as StoreOf<K>, path: ['Common', kind, places[at] ?? at] }))
}
