import type { Knex } from 'knex'
import type { AllocateSectorSpec } from '../../../rpc-schema/manager/allocation.js'
import type { RebuildOptions, SectorRebuildInfo } from '../../../rpc-schema/manager/rebuild.js'
import { SECTOR_WORKER_JOB } from '../../../rpc-schema/manager/sector-state.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { type SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import { steadyClock } from '../../kit/steady-clock.js'
import type { ChainNode } from '../chain/chain-node.js'
import type { HeadTracker } from '../chain/head-tracker.js'
import type { SectorBook } from '../sectors/sector-book.js'
import { onlineRecords } from '../sectors/sector-search.js'
import { ListeningSince } from '../workers/listening-since.js'
import { isLost, type WorkLease } from '../workers/work-lease.js'
import type { WorkerRegistry } from '../workers/worker-registry.js'
import { rebuildClaim, rebuildInfo } from './rebuild-claim.js'
import { type RebuildEntry, RebuildRepository } from './rebuild-repository.js'

export interface RebuildQueueOptions {
  /** Actors that this manager works for. */
  miners: ReadonlyMap<number, unknown>
  db: Knex
  book: SectorBook
  node: ChainNode
  heads: HeadTracker
  workers: WorkerRegistry
  clock: Clock
  log: Logger
}

/** What becomes of a sector when its worker says that it is done with it. */
export type RebuildEnd = 'rebuilt' | 'again' | 'over'

/** How often a sector is given out before it is left to a person, and how long it rests after a worker gave it up, ms. */
export const REBUILD_ATTEMPTS = { most: 3, pauseMs: 10 * 60_000 } as const
const LONGEST_PAUSE_MS = REBUILD_ATTEMPTS.pauseMs * 2 ** REBUILD_ATTEMPTS.most

/**
 * The sectors whose files are to be made anew. What is given to a worker stays here until the worker has brought the files: one that gives up, dies
 * or never got the answer does not take a sector with it.
 *
 * | state   | event                                              | next                               |
 * |---------|----------------------------------------------------|------------------------------------|
 * | –       | SectorSetForRebuild, record and chain agree         | waiting, record online             |
 * | waiting | AllocateRebuildSector                               | taken                              |
 * | taken   | nothing heard of its worker for too long            | waiting                            |
 * | taken   | SubmitPersistedEx                                   | taken, with files                  |
 * | taken   | ReportFinalized with files                          | –, record offline                  |
 * | taken   | ReportFinalized without files, ReportAborted        | waiting, later; after 3 times as below |
 * | waiting | ReportAborted (an operator takes it back)           | –, record offline as before        |
 */
export class RebuildQueue {
  readonly #options: RebuildQueueOptions
  readonly #entries: RebuildRepository
  readonly #listening: ListeningSince
  /** Of the pauses after a worker gave up. */
  readonly #steady: Clock

  constructor(options: RebuildQueueOptions) {
    this.#options = options
    this.#entries = new RebuildRepository(options.db)
    this.#listening = new ListeningSince(options.clock)
    this.#steady = steadyClock(options.clock)
  }

  /** Queues a finished sector. Throws when it could not become what the chain has. */
  async set(sid: SectorID, { PiecesAvailable }: RebuildOptions): Promise<boolean> {
    const { miners, book, node, heads, clock } = this.#options
    if (!miners.has(sid.Miner)) throw new Error(`config for miner actor ${sid.Miner} not found`)
    return book.exclusively(sid, async () => {
      const head = await heads.fresh()
      const onChain = await node.api.StateSectorGetInfo(Address.fromId(sid.Miner), sid.Number, head.Cids)
      if (onChain === null) throw new Error(`no available sector info: ${sectorName(sid)} is not on the chain`)
      const found = await book.find(sid)
      if (found?.store === 'online' && found.record.NeedRebuild)
        throw new Error(`${sectorName(sid)} is queued for a rebuild already`)
      const cause = { actor: 'operator', event: 'set for rebuild' }
      await book.restore(sid, cause, async (record, trx) => {
        const claim = rebuildClaim(record, onChain, PiecesAvailable)
        if (!claim.fit) throw new Error(`${sectorName(sid)} cannot be rebuilt: ${claim.why}`)
        record.NeedRebuild = true
        if (claim.before !== null) record.UpgradePublic = claim.before
        await this.#entries.put(sid, { proofType: record.SectorType, upgraded: claim.upgraded }, clock.now(), trx)
      })
      return true
    })
  }

  /** Queues what came from elsewhere with the mark, but without an entry. */
  async start(): Promise<void> {
    const { book, clock, db } = this.#options
    for await (const record of onlineRecords(db, SECTOR_WORKER_JOB.rebuild)) {
      if ((await this.#entries.find(record.ID)) !== undefined) continue
      const entry = { proofType: record.SectorType, upgraded: record.Upgraded || record.UpgradePublic !== null }
      await book.transaction(trx => this.#entries.put(record.ID, entry, clock.now(), trx))
    }
  }

  /** Gives out the sector that waits longest and fits; null when there is none. */
  async allocate(spec: AllocateSectorSpec): Promise<SectorRebuildInfo | null> {
    await this.#takeBackLost()
    const waiting = await this.#entries.waiting(spec.AllowedMiners, this.#steady.now(), LONGEST_PAUSE_MS)
    for (const { sid, proofType } of waiting) {
      if (spec.AllowedProofTypes.length > 0 && !spec.AllowedProofTypes.includes(proofType)) continue
      const info = await this.#take(sid)
      if (info !== undefined) return info
    }
    return null
  }

  list(): Promise<RebuildEntry[]> {
    return this.#entries.all()
  }

  /** A worker told of a step. */
  heard(sid: SectorID, worker: string): Promise<void> {
    return this.#entries.heard(sid, worker, this.#options.clock.now())
  }

  /** The new files were found in their store. */
  persisted(sid: SectorID): Promise<void> {
    return this.#entries.persisted(sid)
  }

  /** The worker is done with a sector: with its files in a store, or without. `reason`: why it gave up, or what an operator said. */
  async end(sid: SectorID, reason: string | null, trx: Knex.Transaction): Promise<RebuildEnd> {
    const entry = await this.#entries.find(sid, trx)
    if (entry === undefined) return 'rebuilt'
    if (reason === null && entry.persisted) {
      await this.#entries.remove(sid, trx)
      return 'rebuilt'
    }
    const failures = entry.failures + 1
    if (entry.lease === null || failures >= REBUILD_ATTEMPTS.most) {
      await this.#entries.remove(sid, trx)
      await this.#note(sid, 'rebuild given up', `${failures} times: ${reason ?? 'no files were brought'}`, trx)
      return 'over'
    }
    const pauseMs = REBUILD_ATTEMPTS.pauseMs * 2 ** entry.failures
    await this.#entries.release(sid, failures, this.#steady.now() + pauseMs, trx)
    await this.#note(sid, 'rebuild waits again', reason ?? 'the worker brought no files', trx)
    return 'again'
  }

  /** In one transaction with the check that there is still a record; undefined when somebody else was faster. */
  async #take(sid: SectorID): Promise<SectorRebuildInfo | undefined> {
    const { book, clock, log } = this.#options
    try {
      return await book.transaction(async trx => {
        const entry = await this.#entries.find(sid, trx)
        if (entry === undefined || entry.lease !== null) return undefined
        const found = await book.find(sid, trx)
        if (found?.store !== 'online' || !found.record.NeedRebuild) {
          await this.#entries.remove(sid, trx)
          return undefined
        }
        const info = rebuildInfo(found.record, entry.upgraded)
        await this.#entries.take(sid, clock.now(), trx)
        await this.#note(sid, 'given out for rebuild', `attempt ${entry.failures + 1}`, trx)
        return info
      })
    } catch (error) {
      log.error({ err: error, sector: sectorName(sid) }, `rebuild waits: ${errorText(error)}`)
      return undefined
    }
  }

  async #takeBackLost(): Promise<void> {
    const moment = this.#listening.look()
    const { log, workers } = this.#options
    for (const { sid, lease } of await this.#entries.taken()) {
      const lastPing = await workers.lastPing(lease!.holder)
      if (!isLost(lease!, lastPing, moment)) continue
      const worker = lease!.holder ?? 'a worker that never reported'
      log.warn({ sector: sectorName(sid), worker }, 'rebuild: nothing is heard of its worker')
      await this.#takeBack(sid, lease!, worker)
    }
  }

  /** Of a worker that brought the files and then died, only the last word is missing. */
  async #takeBack(sid: SectorID, lost: WorkLease, worker: string): Promise<void> {
    const { book } = this.#options
    await book.transaction(async trx => {
      const entry = await this.#entries.find(sid, trx)
      if (entry?.lease?.takenAt !== lost.takenAt || entry.lease.heardAt !== lost.heardAt) return
      if (!entry.persisted) {
        await this.#entries.release(sid, entry.failures, 0, trx)
        return this.#note(sid, 'rebuild waits again', `nothing was heard of ${worker}`, trx)
      }
      await this.#entries.remove(sid, trx)
      if ((await book.find(sid, trx))?.store !== 'online') return
      const cause = {
        actor: 'manager',
        event: 'finalized',
        detail: `the files are there, nothing was heard of ${worker}`,
      }
      await book.finalize(
        sid,
        cause,
        record => {
          record.NeedRebuild = false
          return true
        },
        trx,
      )
    })
  }

  #note(sid: SectorID, event: string, detail: string, trx: Knex): Promise<void> {
    return this.#options.book.note(sid, { actor: 'manager', event, detail }, trx)
  }
}
