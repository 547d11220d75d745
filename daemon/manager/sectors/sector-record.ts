import { z } from 'zod'
import { SECTOR_WORKER_JOB, SectorState } from '../../../rpc-schema/manager/sector-state.js'
import { RPC_ERROR, RpcError } from '../../../rpc-schema/rpc/error.js'
import { SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'

/** The two places a record can be in. A sector has one record, in one of them. */
export type RecordStore = 'online' | 'offline'

/** Throws the original's error for another name. */
export function recordStore(name: string): RecordStore {
  if (name === 'online' || name === 'offline') return name
  throw new Error(`kv for worker state ${name} does not exist`)
}

/** A sector of which nothing is known yet but its number and proof type. */
export const newRecord = (id: SectorID, proofType: number): SectorState =>
  z.decode(SectorState, { ID: z.encode(SectorID, id), SectorType: proofType })

export const sectorKey = (id: SectorID): string => sectorName(id)

/** The answer of the methods for sealing when the sector has no online record: workers give such a sector up. */
export const notOnline = (): RpcError =>
  new RpcError(RPC_ERROR.sectorStateNotFound, 'error code 11001: sector state not found')

/** Something else is wrong with a record; the text is for people. */
export const keyNotFound = (prefix = ''): Error => new Error(`${prefix}key not found`)

type Marks = Partial<Pick<SectorState, 'Upgraded' | 'NeedRebuild' | 'Unsealing'>>

/** The marks of the records that a job class has; an unknown class has no records. */
export const JOB_CLASSES: Readonly<Record<number, Marks>> = {
  [SECTOR_WORKER_JOB.all]: {},
  [SECTOR_WORKER_JOB.sealing]: { Upgraded: false, NeedRebuild: false, Unsealing: false },
  [SECTOR_WORKER_JOB.snapup]: { Upgraded: true, NeedRebuild: false, Unsealing: false },
  [SECTOR_WORKER_JOB.rebuild]: { NeedRebuild: true },
  [SECTOR_WORKER_JOB.unseal]: { Unsealing: true },
}

export const belongsToJob = (record: SectorState, job: number): boolean => {
  const marks = JOB_CLASSES[job]
  return marks !== undefined && Object.entries(marks).every(([mark, value]) => record[mark as keyof Marks] === value)
}
