import type { Readable } from 'node:stream'

/** Space of a store in bytes. */
export interface StoreSpace {
  /** The kind of file system or service, as operators know it. */
  readonly type: string
  readonly totalBytes: number
  /** For users without privileges. */
  readonly freeBytes: number
  readonly usedBytes: number
}

/** What a path in a store is. A link is told only by {@link StoreDriver.stat} without `follow`. */
export interface StoreEntry {
  readonly kind: 'file' | 'directory' | 'link' | 'other'
  readonly sizeBytes: number
}

export interface ReadRange {
  readonly offset: number
  /** Default: to the end. */
  readonly length?: number | undefined
}

/**
 * What a kind of store has to do. Paths are relative, with `/`, and never lead out of the store. Each driver runs in a process of its own that is
 * killed when it does not answer in time, so a method may block for as long as it needs.
 */
export interface StoreDriver {
  /** The absolute directory of the files, when programs can open them by path; undefined for an object store. */
  readonly root?: string | undefined
  space(): Promise<StoreSpace>
  /** Undefined when there is nothing. `follow`: what a link leads to. */
  stat(path: string, follow: boolean): Promise<StoreEntry | undefined>
  /** Throws when there is nothing to read. */
  read(path: string, range: ReadRange): Promise<Readable>
  /** The content appears under its path whole or not at all. `sizeBytes` is undefined when it is not known before the end. */
  write(path: string, content: Readable, sizeBytes: number | undefined): Promise<void>
  /** Removes a file, or a directory with everything in it; nothing there is no error. */
  remove(path: string): Promise<void>
}

/** What a driver is opened with: an entry of `[[Common.PersistStores]]` or `[[Common.PieceStores]]`. */
export interface StoreToOpen {
  readonly name: string
  readonly path: string
  readonly meta: Readonly<Record<string, string>>
}

/** The module of a store plugin: `PluginName = "./my-store.mjs"` or the name of a package. */
export interface StorePlugin {
  openStore(store: StoreToOpen): StoreDriver | Promise<StoreDriver>
}
