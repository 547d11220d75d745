import { isDeepStrictEqual } from 'node:util'
import type { Knex } from 'knex'
import { ANY_SECTOR } from '../../../../rpc-schema/manager/sector-search.js'
import { type SectorID, sectorName } from '../../../../rpc-schema/wire/sector-id.js'
import type { Clock } from '../../../kit/clock.js'
import type { Logger } from '../../../kit/log.js'
import { BackgroundLoop } from '../../concurrency/background-loop.js'
import type { SectorBook } from '../../sectors/sector-book.js'
import { SectorSearch } from '../../sectors/sector-search.js'
import { type ScrubFinding, type ScrubProgress, ScrubRepository } from './scrub-repository.js'
import type { Look } from './sector-look.js'

export interface ScrubOptions {
  db: Knex
  book: SectorBook
  /** Those that this manager works for. */
  miners: ReadonlyMap<number, unknown>
  look(sid: SectorID): Promise<Look>
  /** Every sector is looked at once in this time, ms; 0: none is, unless asked for. */
  periodMs: number
  clock: Clock
  log: Logger
  /** Told of every look, for the metrics. */
  looked?: (is: Look['is']) => void
}

export interface ScrubState extends ScrubProgress {
  readonly findings: readonly ScrubFinding[]
}

/** However many sectors there are: one after the other, with a pause after each. */
const LEAST_PAUSE_MS = 1_000
/** Sectors with damage are looked at again so often, so that what was mended is seen. */
const RECHECK_MS = 3_600_000
/** Those of miners that this manager does not work for are passed over. */
const RECORDS_A_TURN = 20
const MOST_FINDINGS = 1_000

const NOTHING: ScrubProgress = { last: null, looked: 0, total: 0, roundBegunAt: 0, lookedAt: 0 }
const STORED = { ...ANY_SECTOR, Store: 'offline', Aborted: false } as const

/**
 * Looks at stored sectors one by one, all of them once in a period, for as long as the manager runs: what rots where nobody reads is found before its
 * window. It goes on where it was after a restart; several managers on one database share the work. It changes nothing but its own tables.
 */
export class Scrub {
  readonly #options: ScrubOptions
  readonly #rows: ScrubRepository
  readonly #search: SectorSearch
  readonly #loop: BackgroundLoop
  #waitMs = LEAST_PAUSE_MS
  /** Its turn came, and the node or the database did not answer. */
  #missed: SectorID | undefined

  constructor(options: ScrubOptions) {
    this.#options = options
    this.#rows = new ScrubRepository(options.db)
    this.#search = new SectorSearch(options.db)
    const { log, clock } = options
    const step = (): Promise<void> => this.#step()
    this.#loop = new BackgroundLoop({ name: 'scrub', log, clock, intervalMs: () => this.#waitMs, step })
  }

  get periodMs(): number {
    return this.#options.periodMs
  }

  start(): void {
    if (this.#options.periodMs > 0) this.#loop.start()
  }

  stop(): Promise<void> {
    return this.#loop.stop()
  }

  async state(): Promise<ScrubState> {
    return { ...((await this.#rows.progress()) ?? NOTHING), findings: await this.#rows.findings(MOST_FINDINGS) }
  }

  findings(): Promise<ScrubFinding[]> {
    return this.#rows.findings(MOST_FINDINGS)
  }

  /** Looks at a sector out of its turn. */
  async lookAt(sid: SectorID): Promise<Look> {
    const look = await this.#options.look(sid)
    await this.#note(sid, look)
    return look
  }

  async #step(): Promise<void> {
    const stale = await this.#rows.stalest(this.#options.clock.now() - RECHECK_MS)
    if (stale !== undefined) {
      this.#waitMs = LEAST_PAUSE_MS
      await this.lookAt(stale.sid)
      return
    }
    const turn = this.#missed ?? (await this.#next())
    this.#waitMs = Math.min(this.#waitMs, RECHECK_MS)
    if (turn === undefined) return
    this.#missed = turn
    await this.lookAt(turn)
    this.#missed = undefined
  }

  /** The sector whose turn it is; undefined when it is too early for one. */
  async #next(): Promise<SectorID | undefined> {
    const { clock, periodMs, miners } = this.#options
    const now = clock.now()
    const before = await this.#rows.progress()
    const progress = before ?? (await this.#newRound(now))
    const pauseMs = Math.max(LEAST_PAUSE_MS, periodMs / Math.max(1, progress.total))
    const elapsed = now - progress.lookedAt
    // A moment that lies ahead was written down before the clock was set back.
    if (elapsed >= 0 && elapsed < pauseMs) {
      this.#waitMs = pauseMs - elapsed
      return undefined
    }
    const page = await this.#search.page(STORED, progress.last, RECORDS_A_TURN)
    const chosen = page.find(({ sid }) => miners.has(sid.Miner))?.sid
    const last = chosen ?? page.at(-1)?.sid
    const next =
      chosen !== undefined
        ? { ...progress, last: chosen, looked: progress.looked + 1, lookedAt: now }
        : last !== undefined
          ? { ...progress, last }
          : { ...(await this.#newRound(now)), lookedAt: progress.lookedAt }
    const isOver = last === undefined
    this.#waitMs = chosen !== undefined ? pauseMs : isOver && progress.looked === 0 ? RECHECK_MS : LEAST_PAUSE_MS
    return (await this.#advance(before, next)) ? chosen : undefined
  }

  /** False when another manager has taken this turn. */
  #advance(before: ScrubProgress | undefined, next: ScrubProgress): Promise<boolean> {
    return this.#options.book.transaction(async trx => {
      const now = await this.#rows.progress(trx)
      if (!isDeepStrictEqual(now, before)) return false
      await this.#rows.save(next, trx)
      return true
    })
  }

  async #newRound(now: number): Promise<ScrubProgress> {
    const { offline } = await this.#options.book.count()
    return { ...NOTHING, total: offline, roundBegunAt: now }
  }

  async #note(sid: SectorID, look: Look): Promise<void> {
    const { book, log, clock, looked } = this.#options
    const sector = sectorName(sid)
    const now = clock.now()
    looked?.(look.is)
    const before = await this.#rows.find(sid)
    switch (look.is) {
      case 'unknown':
        log.warn({ sector }, `scrub: not looked at: ${look.why}`)
        if (before !== undefined) await this.#rows.put({ ...before, seenAt: now })
        return
      case 'busy':
        if (before !== undefined) await this.#rows.put({ ...before, seenAt: now })
        return
      case 'damaged': {
        await this.#rows.put({ sid, why: look.why, since: before?.since ?? now, seenAt: now })
        if (before !== undefined) return
        const remedy = `util sealer sectors rebuild ${sid.Miner} ${sid.Number}`
        log.error({ sector }, `scrub: the sector cannot be proven: ${look.why}; \`${remedy}\` makes its files anew`)
        await book.note(sid, { actor: 'scrub', event: 'found damaged', detail: look.why })
        return
      }
      default:
        if (!(await this.#rows.remove(sid)) || look.is === 'not needed') return
        log.info({ sector }, 'scrub: the sector can be proven again')
        await book.note(sid, { actor: 'scrub', event: 'found well again' })
    }
  }
}
