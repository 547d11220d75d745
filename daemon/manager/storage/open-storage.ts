import type { Knex } from 'knex'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import type { ChainNode } from '../chain/chain-node.js'
import type { ManagerSetup } from '../config/load-settings.js'
import type { SectorBook } from '../sectors/sector-book.js'
import type { StoreHelper } from './helper/store-helper.js'
import type { IndexRepository } from './index-repository.js'
import { PersistStores } from './persist-stores.js'
import { Provable } from './provable.js'
import { SectorFiles } from './sector-files.js'
import type { SectorIndex } from './sector-index.js'
import { SectorPlaces } from './sector-places.js'
import { NativeSectorProver } from './sector-proofs.js'
import { SectorRemoval } from './sector-removal.js'

export interface StorageOptions {
  setup: Pick<ManagerSetup, 'persistStores' | 'common'>
  db: Knex
  helpers: ReadonlyMap<string, StoreHelper>
  /** Our own. */
  index: IndexRepository
  /** Of another manager, when sectors are looked for there. */
  foreignIndex?: SectorIndex | undefined
  book: SectorBook
  node: ChainNode
  clock: Clock
  log: Logger
  closing: (() => unknown)[]
}

/** What the rest of the manager needs of the storage room. */
export interface Storage {
  readonly stores: PersistStores
  readonly files: SectorFiles
  readonly places: SectorPlaces
  readonly provable: Provable
  readonly removal: SectorRemoval
}

export function openStorage(options: StorageOptions): Storage {
  const { setup, db, helpers, index, foreignIndex, book, node, clock, log, closing } = options
  const stores = new PersistStores({ stores: setup.persistStores, helpers, db, clock, log, index })
  closing.push(() => stores.close())
  const searched = foreignIndex ?? index
  const places = new SectorPlaces(stores, searched)
  const prover = new NativeSectorProver(log)
  closing.push(() => prover.close())
  return {
    stores,
    files: new SectorFiles(stores, searched, book, log),
    places,
    provable: new Provable({ places, book, node, prover, limits: setup.common.Proving, clock, log }),
    removal: new SectorRemoval({ book, index, places, node }),
  }
}
