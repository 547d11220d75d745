import type { Knex } from 'knex'
import type { MinerPoStConfig } from '../../../rpc-schema/manager/miner-config.js'
import type { MinerSetup } from '../config/load-settings.js'
import { PartitionClaims } from './partition-claims.js'
import { Poster, type PosterOptions } from './poster.js'
import { SubmissionRepository } from './submission-repository.js'

export interface OpenPosterOptions extends Omit<PosterOptions, 'claims' | 'submissions' | 'settings' | 'miners'> {
  db: Knex
  /** Who this manager is among those of the database, also after a restart. */
  owner: string
  miners: ReadonlyMap<number, MinerSetup>
}

/** The poster of the miners of a configuration; a reload of their settings counts from the next head. */
export function openPoster({ db, owner, miners, ...options }: OpenPosterOptions): Poster {
  const settings = (miner: number): MinerPoStConfig => {
    const setup = miners.get(miner)
    if (setup === undefined) throw new Error(`config for miner actor ${miner} not found`)
    return setup.PoSt
  }
  return new Poster({
    ...options,
    claims: new PartitionClaims({ db, clock: options.clock, log: options.log, owner }),
    submissions: new SubmissionRepository(db),
    settings,
    miners: () => [...miners.values()].filter(({ PoSt }) => PoSt.Enabled).map(({ Actor }) => Actor),
  })
}
