import type { Readable } from 'node:stream'
import type { Knex } from 'knex'
import { errorText } from '../../../rpc-schema/seal-error.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import type { PieceStoreSettings } from '../config/manager-settings.js'
import { type ContentLimits, StoreContent } from './helper/content-stream.js'
import { type HelperLimits, StoreHelper } from './helper/store-helper.js'
import { IndexRepository } from './index-repository.js'
import { helperTask } from './persist-store.js'
import { StoreFiles } from './store-files.js'
import { StoreIdentity } from './store-identity.js'

export interface OpenPiece {
  readonly sizeBytes: number
  stream(offset: number, length: number): Promise<Readable>
}

/** No store takes new pieces: all are read-only or full. */
export class NoPieceStoreError extends Error {
  constructor() {
    super('no piece store has room')
    this.name = 'NoPieceStoreError'
  }
}

export interface PieceStoresOptions {
  stores: readonly PieceStoreSettings[]
  db: Knex
  clock: Clock
  log: Logger
  limits?: Partial<HelperLimits & ContentLimits>
}

interface PieceStore {
  readonly settings: PieceStoreSettings
  readonly helper: StoreHelper
  readonly files: StoreFiles
  readonly content: StoreContent
}

/** Piece stores have names of their own beside the persist stores. */
const identityName = (name: string): string => `piece:${name}`

/** Stores of pieces, each a file named by its CID. */
export class PieceStores {
  readonly #stores: readonly PieceStore[]
  readonly #log: Logger

  constructor({ stores, db, clock, log, limits = {} }: PieceStoresOptions) {
    this.#log = log
    const index = new IndexRepository(db)
    const configured = new Set(stores.map(store => identityName(store.Name)))
    this.#stores = stores.map(settings => {
      const helper = new StoreHelper({ task: helperTask(settings), log, clock, limits })
      const name = identityName(settings.Name)
      const isConfigured = (other: string): boolean => configured.has(other)
      const identity = new StoreIdentity({ name, helper, db, index, clock, log, isConfigured })
      return {
        settings,
        helper,
        files: new StoreFiles(helper, identity),
        content: new StoreContent(helper, limits),
      }
    })
  }

  /** Whether there is a store for new pieces at all. */
  get takesPieces(): boolean {
    return this.#stores.some(({ settings }) => !settings.ReadOnly)
  }

  /** The piece in the first store that has it, as `<cid>` or `<cid>.car`. One that cannot be looked at does not keep a piece from the next one. */
  async open(cid: string): Promise<OpenPiece | undefined> {
    const names = [cid, `${cid}.car`]
    let problem: unknown
    for (const { settings, files, content } of this.#stores) {
      try {
        const found = await files.stats(names)
        const at = found.findIndex(entry => entry?.kind === 'file')
        if (at < 0) continue
        const { sizeBytes } = found[at]!
        return { sizeBytes, stream: (offset, length) => content.read(names[at]!, offset, length) }
      } catch (error) {
        this.#log.warn({ err: error, store: settings.Name, piece: cid }, `piece store left out: ${errorText(error)}`)
        problem = error
      }
    }
    if (problem !== undefined) throw problem
    return undefined
  }

  /** Writes a piece into the first store with room; it appears there only when it is complete. Without a size it goes where the most room is. */
  async put(name: string, content: AsyncIterable<Uint8Array>, sizeBytes: number | undefined): Promise<void> {
    const store = await this.#withRoom(sizeBytes)
    await store.content.write(name, content, sizeBytes)
  }

  close(): void {
    for (const { helper } of this.#stores) helper.close()
  }

  async #withRoom(sizeBytes: number | undefined): Promise<PieceStore> {
    let problem: unknown = new NoPieceStoreError()
    let roomiest: { store: PieceStore; freeBytes: number } | undefined
    for (const store of this.#stores) {
      if (store.settings.ReadOnly) continue
      try {
        const { freeBytes, readOnlyMarker } = await store.files.space()
        if (readOnlyMarker || freeBytes <= (sizeBytes ?? 0)) continue
        if (sizeBytes !== undefined) return store
        if (roomiest === undefined || freeBytes > roomiest.freeBytes) roomiest = { store, freeBytes }
      } catch (error) {
        problem = error
      }
    }
    if (roomiest === undefined) throw problem
    return roomiest.store
  }
}
