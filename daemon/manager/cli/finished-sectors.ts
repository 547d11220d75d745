import { ANY_SECTOR, SECTOR_PAGE_LIMIT } from '../../../rpc-schema/manager/sector-search.js'
import type { SectorState } from '../../../rpc-schema/manager/sector-state.js'
import type { SealyardClient } from './talk.js'

/** The records of a miner's sectors that are no work in progress, page by page. */
export async function* finishedSectors(own: SealyardClient, miner: number): AsyncGenerator<SectorState[]> {
  let cursor: string | null = null
  do {
    const page: Awaited<ReturnType<SealyardClient['ListSectors']>> = await own.ListSectors(
      { ...ANY_SECTOR, Store: 'offline', Miner: miner },
      cursor,
      SECTOR_PAGE_LIMIT,
    )
    yield page.Sectors.map(({ Record }) => Record)
    cursor = page.Next
  } while (cursor !== null)
}
