import type { SectorState } from '../../../rpc-schema/manager/sector-state.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { type SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'
import type { TipSetKey } from '../../../rpc-schema/wire/tipset-key.js'
import type { ChainNode } from '../chain/chain-node.js'
import { CHAIN_FINALITY } from '../chain/head-tracker.js'
import type { SectorBook } from '../sectors/sector-book.js'
import { keyNotFound } from '../sectors/sector-record.js'
import type { IndexKind, IndexRepository } from './index-repository.js'
import { type ChainStanding, whyFilesStay } from './removal-rules.js'
import type { SectorPlace, SectorPlaces } from './sector-places.js'

/** Look-back of the winning PoSt: a sector can be drawn so long after its end. */
const LOOKBACK = CHAIN_FINALITY

const KINDS: readonly IndexKind[] = ['normal', 'upgrade']

/** A file or directory that is deleted. */
export interface RemovedPath {
  readonly store: string
  readonly path: string
}

export interface RemovalPreview {
  readonly paths: readonly RemovedPath[]
  /** Undefined when nothing speaks against it. */
  readonly whyNot: string | undefined
  readonly done: boolean
}

export interface SectorRemovalOptions {
  book: SectorBook
  index: IndexRepository
  places: SectorPlaces
  node: Pick<ChainNode, 'api'>
}

/** Deletes the files of sectors that nothing needs any more, and remembers that they are gone. */
export class SectorRemoval {
  readonly #options: SectorRemovalOptions

  constructor(options: SectorRemovalOptions) {
    this.#options = options
  }

  async preview(sid: SectorID): Promise<RemovalPreview> {
    const record = await this.#offline(sid)
    if (record.Removed) return { paths: [], whyNot: undefined, done: true }
    const places = await this.#places(sid)
    return { paths: places.flatMap(pathsOf), whyNot: await this.#whyNot(record), done: false }
  }

  /**
   * Deletes what the index knows of: the files from sealing and those from an upgrade. May be repeated: what is gone already is no error. `forced`
   * by an operator who has seen what speaks against it.
   */
  async remove(sid: SectorID, forced = false): Promise<void> {
    const { book, index } = this.#options
    await book.exclusively(sid, async () => {
      const record = await this.#offline(sid)
      if (record.Removed) return
      const places = await this.#places(sid)
      const whyNot = await this.#whyNot(record)
      if (whyNot !== undefined && !forced) throw new Error(`files of ${sectorName(sid)} stay: ${whyNot}`)
      if (places.length === 0)
        throw new Error(`files of ${sectorName(sid)}: object not found: no store is known to hold them`)
      refuseReadOnly(places)
      const detail = places.flatMap(pathsOf).map(({ store, path }) => `${store}:${path}`)
      const why = whyNot === undefined ? '' : `, although ${whyNot}`
      // Before the first file is touched: a removal that was cut off is seen, and can be repeated.
      await book.note(sid, { actor: 'operator', event: 'removing', detail: `${detail.join(' ')}${why}` })
      for (const { sealedStore, cacheStore, sealed, cache } of places) {
        await cacheStore.files.remove([cache])
        await sealedStore.files.remove([sealed])
      }
      const gone = { actor: 'operator', event: 'removed', detail: detail.join(' ') }
      await book.transaction(async trx => {
        for (const kind of KINDS) await index.remove(kind, sid, trx)
        await book.amend(
          sid,
          kept => {
            kept.Removed = true
          },
          gone,
          trx,
        )
      })
    })
  }

  async #offline(sid: SectorID): Promise<SectorState> {
    const found = await this.#options.book.find(sid)
    if (found?.store !== 'offline') throw keyNotFound('load sector state: load state from offline: ')
    return found.record
  }

  async #places(sid: SectorID): Promise<SectorPlace[]> {
    const { index, places } = this.#options
    const found = await Promise.all(
      KINDS.map(async kind => {
        const stores = await index.find(kind, sid)
        return stores && places.at(sid, kind === 'upgrade', stores)
      }),
    )
    return found.filter(place => place !== undefined)
  }

  async #whyNot(record: SectorState): Promise<string | undefined> {
    const { api } = this.#options.node
    const { ID: sid, TerminateInfo } = record
    const head = await api.ChainHead()
    const before = await api.ChainGetTipSetByHeight(Math.max(0, head.Height - LOOKBACK), head.Cids)
    const [now, ago, preCommit] = await Promise.all([
      this.#standing(sid, head.Cids),
      this.#standing(sid, before.Cids),
      api.StateSectorPreCommitInfo(Address.fromId(sid.Miner), sid.Number, head.Cids),
    ])
    return whyFilesStay({
      height: head.Height,
      now: now.standing,
      lookbackAgo: ago.standing,
      lookback: LOOKBACK,
      expiration: now.expiration,
      preCommitted: preCommit !== null,
      terminatedAt: TerminateInfo.TerminatedAt,
    })
  }

  /** A sector that has ended keeps its record until its partition is compacted: only the partition tells. */
  async #standing(sid: SectorID, tsk: TipSetKey): Promise<{ standing: ChainStanding; expiration?: number }> {
    const { api } = this.#options.node
    const miner = Address.fromId(sid.Miner)
    const info = await api.StateSectorGetInfo(miner, sid.Number, tsk)
    if (info === null) return { standing: 'absent' }
    const { Deadline, Partition } = await api.StateSectorPartition(miner, sid.Number, tsk)
    const partitions = await api.StateMinerPartitions(miner, Deadline, tsk)
    const live = partitions[Partition]?.LiveSectors.has(sid.Number) ?? false
    return live ? { standing: 'live', expiration: info.Expiration } : { standing: 'over' }
  }
}

const pathsOf = ({ sealedStore, cacheStore, sealed, cache }: SectorPlace): RemovedPath[] => [
  { store: cacheStore.name, path: cache },
  { store: sealedStore.name, path: sealed },
]

function refuseReadOnly(places: readonly SectorPlace[]): void {
  const stores = places.flatMap(({ sealedStore, cacheStore }) => [sealedStore, cacheStore])
  const closed = stores.find(({ settings }) => settings.ReadOnly)
  if (closed !== undefined) throw new Error(`store ${closed.name} is read-only: nothing is deleted in it`)
}
