import type { Knex } from 'knex'
import { sectorName } from '../../../rpc-schema/wire/sector-id.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import type { Alarms } from '../alarms/alarms.js'
import type { ChainNode } from '../chain/chain-node.js'
import type { HeadTracker } from '../chain/head-tracker.js'
import type { MinerFacts } from '../chain/miner-facts.js'
import type { ManagerSetup } from '../config/load-settings.js'
import type { SectorBook } from '../sectors/sector-book.js'
import type { StoreHelper } from './helper/store-helper.js'
import type { IndexRepository } from './index-repository.js'
import { PersistStores } from './persist-stores.js'
import { Provable } from './provable.js'
import { Scrub } from './scrub/scrub.js'
import { type Look, lookAtSector } from './scrub/sector-look.js'
import { SectorFiles } from './sector-files.js'
import type { SectorIndex } from './sector-index.js'
import { SectorPlaces } from './sector-places.js'
import { NativeSectorProver } from './sector-proofs.js'
import { SectorRemoval } from './sector-removal.js'

/** Niceness of processes that only use what others leave. */
const LEAST_URGENT = 19

export interface StorageOptions {
  setup: Pick<ManagerSetup, 'persistStores' | 'common' | 'miners'>
  db: Knex
  helpers: ReadonlyMap<string, StoreHelper>
  /** Our own. */
  index: IndexRepository
  /** Of another manager, when sectors are looked for there. */
  foreignIndex?: SectorIndex | undefined
  book: SectorBook
  node: ChainNode
  heads: HeadTracker
  facts: MinerFacts
  alarms: Alarms
  /** Told of every look of the scrub, for the metrics. */
  scrubbed?: (is: Look['is']) => void
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
  readonly scrub: Scrub
}

export function openStorage(options: StorageOptions): Storage {
  const { setup, db, helpers, index, foreignIndex, book, node, heads, facts, alarms, clock, log, closing } = options
  const stores = new PersistStores({ stores: setup.persistStores, helpers, db, clock, log, index })
  closing.push(() => stores.close())
  const searched = foreignIndex ?? index
  const places = new SectorPlaces(stores, searched)
  const prover = new NativeSectorProver(log)
  closing.push(() => prover.close())
  const checks = { places, book, node, limits: setup.common.Proving, clock, log }
  return {
    stores,
    files: new SectorFiles(stores, searched, book, log),
    places,
    provable: new Provable({ ...checks, prover }),
    removal: new SectorRemoval({ book, index, places, node }),
    scrub: openScrub(),
  }

  function openScrub(): Scrub {
    // Beside what a window needs read at once.
    const patientProver = new NativeSectorProver(log, LEAST_URGENT)
    closing.push(() => patientProver.close())
    const provable = new Provable({ ...checks, prover: patientProver })
    const scrub = new Scrub({
      db,
      book,
      miners: setup.miners,
      look: sid => lookAtSector(sid, { book, node, heads, facts, provable }),
      periodMs: setup.common.Proving.ScrubPeriod,
      clock,
      log,
      ...(options.scrubbed && { looked: options.scrubbed }),
    })
    alarms.watch(async () =>
      (await scrub.findings()).map(({ sid, why, since }) => ({
        kind: 'damaged',
        subject: sectorName(sid),
        text: why,
        since,
      })),
    )
    closing.push(() => scrub.stop())
    return scrub
  }
}
