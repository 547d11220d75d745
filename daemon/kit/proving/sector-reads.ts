import { errorText } from '../../../rpc-schema/seal-error.js'
import type { Clock } from '../clock.js'

/** Something of a sector that lies in a store. */
export interface SectorToRead {
  readonly number: number
  /** What hangs together: its sectors are read in lanes of their own. */
  readonly store: string
}

export interface ReadLimits {
  /** For one sector. */
  readonly sectorMs: number
  /** For all of them. */
  readonly allMs: number
  /** For a store that gives nothing: so long after the beginning, or after the last sector that it gave. Default: as long as for all. */
  readonly silentMs?: number
}

/**
 * What an error tells:
 *
 * | verdict | meaning                                                  | then                                       |
 * |---------|----------------------------------------------------------|--------------------------------------------|
 * | bad     | the store has told that the sector is missing or damaged | it is looked at a second time              |
 * | unread  | nothing of the sector: there was no answer               | it is tried again as long as there is time |
 * | broken  | nobody's sector is to blame                              | the reading ends                           |
 */
export type ReadVerdict = 'bad' | 'unread' | 'broken'

export interface SectorReadsOptions<S extends SectorToRead> {
  /** In a process that can be killed, one a lane, which is killed after the limit. */
  readonly read: (sector: S, lane: string, limitMs: number) => Promise<Uint8Array>
  readonly verdict: (error: unknown) => ReadVerdict
  readonly clock: Clock
}

export interface ReadOutcome {
  /** Why sectors could not be read, by their numbers. */
  readonly failures: ReadonlyMap<number, string>
  /** Those of the failures that say nothing of the sector: its store was silent for too long while others wait, and there is time for another look. */
  readonly late: ReadonlySet<number>
  /** Those of the failures of which a store has told so often that they are bad that it is believed. */
  readonly bad: ReadonlySet<number>
}

/** Processes that read from one store: a network store answers many at once, and one slow file is not to hold up the others. */
const STORE_LANES = 4
/** Between two looks at what could not be read: an interruption of a network store lasts some seconds. */
const AGAIN_PAUSE_MS = 3_000
/** Looks at a sector of which its store has told that it is bad. */
const LOOKS_AT_BAD = 2

/**
 * Reads sectors of many stores. A store that hangs holds its own lanes and no others; what could not be read is tried again for as long as there is
 * time, and a sector that is bad at the second look as well is told to be so.
 */
export class SectorReads<S extends SectorToRead> {
  readonly #options: SectorReadsOptions<S>

  constructor(options: SectorReadsOptions<S>) {
    this.#options = options
  }

  /** `onRead` is given each sector as soon as it is read, and waited for by nobody. Throws only what is nobody's sector's fault. */
  async read(
    sectors: readonly S[],
    { sectorMs, allMs, silentMs = allMs }: ReadLimits,
    signal: AbortSignal,
    onRead: (sector: S, bytes: Uint8Array) => void,
  ): Promise<ReadOutcome> {
    const { clock, read, verdict } = this.#options
    const begun = clock.monotonic()
    const end = begun + allMs
    /** When a store has given its last sector. */
    const heardAt = new Map<string, number>()
    /** Ms that are left for what is in a store. */
    const restOf = (store: string): number =>
      Math.min(end, (heardAt.get(store) ?? begun) + silentMs) - clock.monotonic()
    const done = new Set<number>()
    const failures = new Map<number, string>()
    const badLooks = new Map<number, number>()
    const isBad = (number: number): boolean => (badLooks.get(number) ?? 0) >= LOOKS_AT_BAD
    const isOpen = ({ number }: S): boolean => !done.has(number) && !isBad(number)
    const readOne = async (sector: S, lane: string): Promise<void> => {
      const { number, store } = sector
      const rest = restOf(store)
      signal.throwIfAborted()
      if (rest <= 0) return void failures.set(number, failures.get(number) ?? 'not read in time')
      try {
        const bytes = await read(sector, lane, Math.min(sectorMs, rest))
        done.add(number)
        failures.delete(number)
        heardAt.set(store, clock.monotonic())
        onRead(sector, bytes)
      } catch (error) {
        failures.set(number, errorText(error))
        const told = verdict(error)
        if (told === 'broken') throw error
        if (told === 'bad') badLooks.set(number, (badLooks.get(number) ?? 0) + 1)
      }
    }
    for (let round = sectors; ; ) {
      await inLanes(round, readOne)
      round = sectors.filter(sector => isOpen(sector) && restOf(sector.store) > AGAIN_PAUSE_MS)
      if (round.length === 0) break
      await clock.sleep(AGAIN_PAUSE_MS, signal)
    }
    const isOver = end - clock.monotonic() <= AGAIN_PAUSE_MS
    const late = isOver ? [] : sectors.filter(isOpen).map(({ number }) => number)
    return { failures, late: new Set(late), bad: new Set([...failures.keys()].filter(isBad)) }
  }
}

/** Each store's sectors in the lanes of that store. The first error ends it. */
async function inLanes<S extends SectorToRead>(
  sectors: readonly S[],
  read: (sector: S, lane: string) => Promise<void>,
): Promise<void> {
  const stores = new Map<string, S[]>()
  for (const sector of sectors) stores.set(sector.store, [...(stores.get(sector.store) ?? []), sector])
  const lanes = [...stores].flatMap(([store, queue]) =>
    Array.from({ length: Math.min(STORE_LANES, queue.length) }, async (_, lane) => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift())
        await read(next, `${store}, proofs ${lane + 1}`)
    }),
  )
  await Promise.all(lanes)
}
