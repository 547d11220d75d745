import type { Knex } from 'knex'
import type { Logger } from '../../../kit/log.js'
import { NativeSectorProver } from '../../storage/sector-proofs.js'
import { NativeTrialReads, type TrialReads } from '../provers/local/trial-reads.js'
import { Foresight, type ForesightParts } from './foresight.js'
import { RehearsalRepository } from './rehearsal-repository.js'

export interface ForesightRoom {
  readonly rehearsals: RehearsalRepository
  /** With a poster. */
  readonly foresight?: Foresight
}

export interface OpenForesightOptions extends Omit<ForesightParts, 'reads' | 'repository' | 'random'> {
  readonly db: Knex
  readonly log: Logger
  /** `none`: the windows are proven by somebody of whom it is not known how it reads, or not at all. */
  readonly reads: TrialReads | 'native' | 'none'
  readonly closing: (() => unknown)[]
}

/** Trials are read here whoever makes the proofs: the stores are the same. No process is started before the first. */
export function openForesight({ db, reads, closing, ...parts }: OpenForesightOptions): ForesightRoom {
  const repository = new RehearsalRepository(db)
  if (reads === 'none') return { rehearsals: repository }
  const native = reads === 'native' ? new NativeSectorProver(parts.log) : undefined
  if (native !== undefined) closing.push(() => native.close())
  const found = native === undefined ? (reads as TrialReads) : new NativeTrialReads(native, parts.clock)
  return {
    rehearsals: repository,
    foresight: new Foresight({ ...parts, repository, reads: found, random: Math.random }),
  }
}
