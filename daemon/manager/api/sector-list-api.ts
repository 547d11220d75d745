import type { sealerCliMethods } from '../../../rpc-schema/manager/sealer-cli.js'
import {
  ANY_SECTOR,
  SECTOR_PAGE_LIMIT,
  type SectorFilter,
  type sectorSearchMethods,
} from '../../../rpc-schema/manager/sector-search.js'
import type { Handlers } from '../../../rpc-schema/rpc/method.js'
import { jsonArray, PreparedJson } from '../../kit/rpc/prepared-json.js'
import { recordStore } from '../sectors/sector-record.js'
import { decodeRecord } from '../sectors/sector-repository.js'
import { cursorBehind, cursorPlace, type FoundSector, type SectorSearch } from '../sectors/sector-search.js'
import type { Rooms } from './rooms.js'

/** The listing methods of the original. Records go out as they are written, in portions, however many there are. */
export function sectorListApi({ search }: Rooms) {
  return {
    ListSectors: (store, job) => {
      if (store !== 'online' && store !== 'offline')
        throw new Error(`get iter for All: get iter: kv for worker state ${store} does not exist`)
      return PreparedJson.as(jsonArray(records(search, { ...ANY_SECTOR, Store: store, Jobs: [job] })))
    },
    FindSectorsWithDeal: async (store, deal) => {
      if (deal === 0) throw new Error('empty deal id')
      const found = await search.page({ ...ANY_SECTOR, Store: recordStore(store), Deal: deal }, null, SECTOR_PAGE_LIMIT)
      return found.length === 0 ? null : found.map(({ record }) => decodeRecord(record))
    },
    FindSectorWithPiece: async (store, piece) => {
      const found = await search.page(
        { ...ANY_SECTOR, Store: recordStore(store), Piece: piece },
        null,
        SECTOR_PAGE_LIMIT,
      )
      const last = found.at(-1)
      return last === undefined ? null : decodeRecord(last.record)
    },
  } satisfies Partial<Handlers<typeof sealerCliMethods>>
}

async function* records(search: SectorSearch, filter: SectorFilter): AsyncGenerator<string[]> {
  for await (const portion of search.all(filter)) yield portion.map(({ record }) => record)
}

/** Pages of sectors. */
export function sectorPageApi({ search }: Rooms) {
  return {
    ListSectors: async (filter, cursor, limit) => {
      const after = cursor === null ? null : cursorPlace(cursor)
      const most = Math.min(limit > 0 ? limit : SECTOR_PAGE_LIMIT, SECTOR_PAGE_LIMIT)
      const found = await search.page(filter, after, most)
      const next = found.length < most ? null : cursorBehind(found.at(-1)!.sid)
      return PreparedJson.as(page(found, next))
    },
  } satisfies Partial<Handlers<typeof sectorSearchMethods>>
}

async function* page(found: readonly FoundSector[], next: string | null): AsyncGenerator<string> {
  const sectors = found.map(
    ({ store, createdAt, changedAt, record }) =>
      `{"Store":"${store}","CreatedAt":${createdAt},"ChangedAt":${changedAt},"Record":${record}}`,
  )
  yield `{"Sectors":[${sectors.join(',')}],"Next":${JSON.stringify(next)}}`
}
