import type { Knex } from 'knex'
import type { MinerSetup } from '../config/load-settings.js'
import { Poster, type PosterOptions } from './poster.js'
import { SubmissionRepository } from './submission-repository.js'

export interface OpenPosterOptions extends Omit<PosterOptions, 'submissions' | 'settings' | 'miners'> {
  db: Knex
  miners: ReadonlyMap<number, MinerSetup>
}

/** The settings of a miner; throws when it is not in the configuration. */
export function minerSetup(miners: ReadonlyMap<number, MinerSetup>, miner: number): MinerSetup {
  const setup = miners.get(miner)
  if (setup === undefined) throw new Error(`config for miner actor ${miner} not found`)
  return setup
}

/** The poster of the miners of a configuration; a reload of their settings counts from the next head. */
export function openPoster({ db, miners, ...options }: OpenPosterOptions): Poster {
  return new Poster({
    ...options,
    submissions: new SubmissionRepository(db),
    settings: miner => minerSetup(miners, miner).PoSt,
    miners: () => [...miners.values()].filter(({ PoSt }) => PoSt.Enabled).map(({ Actor }) => Actor),
  })
}
