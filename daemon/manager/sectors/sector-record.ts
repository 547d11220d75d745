import { z } from 'zod'
import { SECTOR_WORKER_JOB, SectorState } from '../../../rpc-schema/manager/sector-state.js'
import { RPC_ERROR, RpcError } from '../../../rpc-schema/rpc/error.js'
import { SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'

/** The two places a record can be in. A sector has one record, in one of them. */
export type RecordStore = 'online' | 'offline'

/** A sector of which nothing is known yet but its number and proof type. */
export const newRecord = (id: SectorID, proofType: number): SectorState =>
  z.decode(SectorState, { ID: z.encode(SectorID, id), SectorType: proofType })

export const sectorKey = (id: SectorID): string => sectorName(id)

/** The answer of the methods for sealing when the sector has no online record: workers give such a sector up. */
export const notOnline = (): RpcError =>
  new RpcError(RPC_ERROR.sectorStateNotFound, 'error code 11001: sector state not found')

/** Something else is wrong with a record; the text is for people. */
export const keyNotFound = (prefix = ''): Error => new Error(`${prefix}key not found`)

type Flags = Pick<SectorState, 'Upgraded' | 'NeedRebuild' | 'Unsealing'>

/** Which records a job class has; an unknown class has none. */
export const JOB_CLASSES: Readonly<Record<number, (record: Flags) => boolean>> = {
  [SECTOR_WORKER_JOB.all]: () => true,
  [SECTOR_WORKER_JOB.sealing]: record => !record.Upgraded && !record.NeedRebuild && !record.Unsealing,
  [SECTOR_WORKER_JOB.snapup]: record => record.Upgraded && !record.NeedRebuild && !record.Unsealing,
  [SECTOR_WORKER_JOB.rebuild]: record => record.NeedRebuild,
  [SECTOR_WORKER_JOB.unseal]: record => record.Unsealing,
}
