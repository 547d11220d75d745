import { PersistentMap } from './persistent-map.js'

/** One write: a record by its key; undefined is a deletion. */
export type StateChange = readonly [key: string, value: unknown]

/** Anything that records can be read from. */
export interface StateView {
  get(key: string): unknown
}

/** The whole state of the chain after some tipset. Immutable; records in it are never changed in place. */
export class StateTree implements StateView {
  static readonly EMPTY = new StateTree(PersistentMap.empty())

  readonly #records: PersistentMap<unknown>

  private constructor(records: PersistentMap<unknown>) {
    this.#records = records
  }

  static of(entries: Iterable<StateChange>): StateTree {
    return StateTree.EMPTY.with(entries)
  }

  get(key: string): unknown {
    return this.#records.get(key)
  }

  with(changes: Iterable<StateChange>): StateTree {
    let records = this.#records
    for (const [key, value] of changes) records = value === undefined ? records.delete(key) : records.set(key, value)
    return records === this.#records ? this : new StateTree(records)
  }

  entries(): Iterable<StateChange> {
    return this.#records.entries()
  }
}

/** Writes on top of a state that are kept or forgotten as a whole: a message that fails leaves nothing behind. */
export class StateDraft implements StateView {
  readonly #base: StateView
  readonly #changes = new Map<string, unknown>()

  constructor(base: StateView) {
    this.#base = base
  }

  get(key: string): unknown {
    return this.#changes.has(key) ? this.#changes.get(key) : this.#base.get(key)
  }

  put(key: string, value: unknown): void {
    this.#changes.set(key, value)
  }

  delete(key: string): void {
    this.#changes.set(key, undefined)
  }

  /** Takes over what was written in another draft on top of this one. */
  adopt(inner: StateDraft): void {
    for (const [key, value] of inner.changes()) this.#changes.set(key, value)
  }

  changes(): Iterable<StateChange> {
    return this.#changes.entries()
  }
}

/** Records of one kind, by number (`sector/1000/7`) or text. */
export interface Table<V> {
  get(view: StateView, ...key: (number | string)[]): V | undefined
  put(draft: StateDraft, value: V, ...key: (number | string)[]): void
  delete(draft: StateDraft, ...key: (number | string)[]): void
}

export function table<V>(name: string): Table<V> {
  const path = (key: (number | string)[]): string => `${name}/${key.join('/')}`
  return {
    get: (view, ...key) => view.get(path(key)) as V | undefined,
    put: (draft, value, ...key) => draft.put(path(key), value),
    delete: (draft, ...key) => draft.delete(path(key)),
  }
}
