import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { z } from 'zod'
import type { sealyardService } from '../../../rpc-schema/manager/sealyard.js'
import type { StageClaim } from '../../../rpc-schema/manager/stages.js'
import type { Client } from '../../../rpc-schema/rpc/method.js'
import { SealError } from '../../../rpc-schema/seal-error.js'
import type { SectorID } from '../../../rpc-schema/wire/sector-id.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import { Interrupt } from '../engine/failure.js'
import { readIfThere, writeDurably } from '../store/durable-file.js'
import { cacheDir, preparedDir, sealedFile, stagedFile, updateCacheDir, updateFile } from '../store/layout.js'
import type { SectorPaths } from '../store/sealing-store.js'
import type { SectorHome, SectorJournal } from '../store/sector-home.js'
import { type OutputFile, SectorRecord } from '../store/sector-record.js'
import { StageTimes } from '../store/stage-times.js'
import { askManager } from './ask-manager.js'
import { outputsDir } from './sector-files.js'

export type OwnClient = Client<(typeof sealyardService)['methods']>

export interface StageHomeParts {
  readonly manager: OwnClient
  readonly claim: StageClaim
  readonly sector: SectorID
  /** Where the files are. */
  readonly root: string
  /** Where stage outputs are, when not on the path of the files. */
  readonly outputsRoot?: string | undefined
  readonly clock: Clock
  readonly log: Logger
  /** Aborted when the claim is void or the worker stops. */
  readonly abandon: AbortSignal
  /** The manager has told that the claim is void. */
  onLost(): void
}

/** A sector on a sealing path in the hands of one task: its files are here, its record is at the manager. */
export class StageHome implements SectorHome {
  readonly journal: SectorJournal
  readonly stageTimes: StageTimes
  readonly #root: string

  constructor(parts: StageHomeParts) {
    this.#root = parts.root
    this.journal = new ManagerJournal(parts)
    this.stageTimes = new StageTimes(join(parts.root, 'stage-times.json'))
  }

  sector(sector: SectorID): SectorPaths {
    const at = (path: string): string => join(this.#root, path)
    return {
      data: this.#root,
      staged: at(stagedFile(sector)),
      prepared: at(preparedDir(sector)),
      cache: at(cacheDir(sector)),
      sealed: at(sealedFile(sector)),
      update: at(updateFile(sector)),
      updateCache: at(updateCacheDir(sector)),
    }
  }

  /** The manager has the files removed by whoever has them, once it knows how the sector ended. */
  async clean(): Promise<void> {}
}

class ManagerJournal implements SectorJournal {
  readonly #parts: StageHomeParts
  readonly #outputs: string

  constructor(parts: StageHomeParts) {
    this.#parts = parts
    this.#outputs = join(parts.outputsRoot ?? parts.root, outputsDir(parts.sector))
  }

  /** Hours of work are not done again because the manager, or its database, is being restarted. */
  async save(record: SectorRecord): Promise<void> {
    const { manager, claim, abandon, onLost } = this.#parts
    const text = JSON.stringify(z.encode(SectorRecord, record))
    const ask = async (): Promise<boolean> => {
      if (abandon.aborted) throw new Interrupt()
      return manager.SaveStageRecord(claim, text)
    }
    const isSaved = await askManager(ask, this.#parts).catch((error: unknown) => {
      throw abandon.aborted ? new Interrupt() : error
    })
    if (isSaved) return
    onLost()
    throw new Interrupt()
  }

  /** A random name: what an attempt whose claim was void still writes is not what the record names. */
  async writeOutput(stage: string, json: unknown): Promise<OutputFile> {
    const file = `output-${stage}-${randomBytes(6).toString('hex')}.json`
    await writeDurably(join(this.#outputs, file), JSON.stringify(json))
    return { file }
  }

  async readOutput({ file }: OutputFile): Promise<unknown> {
    const path = join(this.#outputs, file)
    const text = await readIfThere(path)
    if (text === undefined) throw new SealError('permanent', `${path}, which the sector's record names, is missing`)
    return JSON.parse(text)
  }
}
