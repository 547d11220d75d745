import type { WdPoStSectorInfo } from '../../../../../rpc-schema/manager/wdpost-job.js'

/** A worker reads so many in some minutes, and what it has read is some megabytes; a partition of 32 GiB sectors has 2,349. */
const MOST_SECTORS = 512

/** Sectors that one worker reads. */
export interface Piece {
  readonly stores: string
  readonly sectors: readonly WdPoStSectorInfo[]
}

/** The stores of a sector as a text that is the same for all sectors that are in the same ones. */
export const storesText = ({ Accesses }: WdPoStSectorInfo): string =>
  JSON.stringify([...new Set([Accesses.SealedFile, Accesses.CacheDir])].sort())

/** Whether someone with these stores can read what needs those of a text. */
export const hasStores = (names: ReadonlySet<string>, text: string): boolean =>
  (JSON.parse(text) as string[]).every(name => names.has(name))

/** The sectors of each store by themselves: who has one of the stores need not have the others. */
export function readPlan(sectors: readonly WdPoStSectorInfo[]): Piece[] {
  const stores = new Map<string, WdPoStSectorInfo[]>()
  for (const sector of sectors) {
    const text = storesText(sector)
    const all = stores.get(text)
    if (all === undefined) stores.set(text, [sector])
    else all.push(sector)
  }
  return [...stores].flatMap(([text, all]) => {
    const pieces = Math.ceil(all.length / MOST_SECTORS)
    const size = Math.ceil(all.length / pieces)
    return Array.from({ length: pieces }, (_, at) => ({ stores: text, sectors: all.slice(at * size, (at + 1) * size) }))
  })
}
