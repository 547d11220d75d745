import type { ConfigProblem } from '../../kit/config/config-error.js'
import type { TomlFile, TomlTable } from '../../kit/config/toml-file.js'

/** A name of former versions, or a second spelling. */
export interface OldName {
  readonly old: readonly string[]
  /** Where its value belongs; undefined: it has no effect any more. */
  readonly now: readonly string[] | undefined
  readonly about: string
  /** `instead`: only where the current name is not set. `append`: further elements of the list there. */
  readonly how: 'instead' | 'append' | 'nothing'
  /** A single value becomes a list of one. */
  readonly single?: boolean
  /** Still an accepted spelling: nothing is remarked unless it is not used. */
  readonly silent?: boolean
}

export const OLD_NAMES: readonly OldName[] = [
  {
    old: ['worker', 'local_pieces_dir'],
    now: ['worker', 'local_pieces_dirs'],
    about: 'one directory',
    how: 'instead',
    single: true,
    silent: true,
  },
  {
    old: ['worker', 'ScanPersistStores'],
    now: ['worker', 'scan_persist_stores'],
    about: 'second spelling',
    how: 'instead',
    silent: true,
  },
  {
    old: ['processors', 'limit'],
    now: ['processors', 'limitation', 'concurrent'],
    about: 'old name of limitation.concurrent',
    how: 'instead',
  },
  {
    old: ['remote_store'],
    now: ['attached'],
    about: 'old form of an [[attached]] store, used as one',
    how: 'append',
    single: true,
  },
  { old: ['Attached'], now: ['attached'], about: 'old spelling of [[attached]], used as such', how: 'append' },
  {
    old: ['attached_selection'],
    now: undefined,
    about: 'has no effect: the manager chooses the store',
    how: 'nothing',
  },
]

const isTable = (value: unknown): value is TomlTable =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)

function valueAt(table: TomlTable, path: readonly string[]): unknown {
  let at: unknown = table
  for (const key of path) at = isTable(at) ? at[key] : undefined
  return at
}

/** A copy with `path` set, or taken away when `value` is undefined. Undefined when something on the way is no table. */
function withValue(table: TomlTable, [key, ...rest]: readonly string[], value: unknown): TomlTable | undefined {
  if (rest.length === 0) {
    const { [key!]: _, ...others } = table
    return value === undefined ? others : { ...others, [key!]: value }
  }
  const inner = table[key!] ?? {}
  const changed = isTable(inner) ? withValue(inner, rest, value) : undefined
  return changed && { ...table, [key!]: changed }
}

/** The file with every old name moved to where its value belongs; lines are still those of the old names. */
export function withCurrentNames(file: TomlFile): { file: TomlFile; remarks: ConfigProblem[] } {
  const remarks: ConfigProblem[] = []
  /** Current place -> old place. */
  const moved: { now: readonly PropertyKey[]; old: readonly PropertyKey[] }[] = []
  let value = file.value
  for (const { old, now, about, how, single, silent } of OLD_NAMES) {
    const found = valueAt(value, old)
    if (found === undefined) continue
    const remark = (message: string): void => {
      remarks.push({ line: file.lineOf(old), path: old.join('.'), message })
    }
    value = withValue(value, old, undefined) ?? value
    if (now === undefined) {
      remark(about)
      continue
    }
    const current = valueAt(value, now)
    if (how === 'instead') {
      if (current !== undefined) {
        remark(`${about}; not used, because ${now.join('.')} is there`)
        continue
      }
      value = withValue(value, now, single ? [found] : found) ?? value
      moved.push({ now, old })
    } else {
      const before = Array.isArray(current) ? current : []
      const added: unknown[] = single || !Array.isArray(found) ? [found] : found
      value = withValue(value, now, [...before, ...added]) ?? value
      for (const index of added.keys())
        moved.push({ now: [...now, before.length + index], old: single ? old : [...old, index] })
    }
    if (!silent) remark(about)
  }
  const lineOf = (path: readonly PropertyKey[]): number | undefined => {
    const from = moved.find(({ now }) => now.every((key, index) => key === path[index]))
    return file.lineOf(from === undefined ? path : [...from.old, ...path.slice(from.now.length)])
  }
  return { file: { name: file.name, value, lineOf }, remarks }
}
