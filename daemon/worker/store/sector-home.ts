import type { SectorID } from '../../../rpc-schema/wire/sector-id.js'
import type { SectorPaths } from './sealing-store.js'
import type { OutputFile, SectorRecord } from './sector-record.js'
import type { StageTimes } from './stage-times.js'

/** Where the record of a sector is kept, and large stage outputs. */
export interface SectorJournal {
  /** On return the record is durable. */
  save(record: SectorRecord): Promise<void>
  /** Stores a stage output under a new name; the file counts once a saved record names it. */
  writeOutput(stage: string, json: unknown): Promise<OutputFile>
  readOutput(output: OutputFile): Promise<unknown>
}

/** Where one sector is worked on: a sealing store of a thread, or a sealing path that stage workers share. */
export interface SectorHome {
  readonly journal: SectorJournal
  readonly stageTimes: StageTimes
  /** Absolute paths of the sector's working files. */
  sector(sector: SectorID): SectorPaths
  /** Drops what nobody needs when the sector is done, or given up. */
  clean(): Promise<void>
}
