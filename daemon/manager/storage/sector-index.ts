import type { SectorAccessStores } from '../../../rpc-schema/manager/stores.js'
import type { SectorID } from '../../../rpc-schema/wire/sector-id.js'

/** The files from sealing, or those from an upgrade. */
export type IndexKind = 'normal' | 'upgrade'

/** Which stores the parts of sectors are in: in our database, or asked of another manager. */
export interface SectorIndex {
  find(kind: IndexKind, sid: SectorID): Promise<SectorAccessStores | undefined>
  put(kind: IndexKind, sid: SectorID, stores: SectorAccessStores): Promise<void>
}
