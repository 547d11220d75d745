import type { Knex } from 'knex'
import type { Clock } from '../../../kit/clock.js'
import type { Logger } from '../../../kit/log.js'
import type { CommonSettings } from '../../config/manager-settings.js'
import type { SectorPlaces } from '../../storage/sector-places.js'
import { NativeSectorProver } from '../../storage/sector-proofs.js'
import type { WindowProver } from '../window-prover.js'
import { LocalProver } from './local/local-prover.js'
import { ProofProcess } from './local/proof-process.js'
import { type Simulation, simulate } from './simulation.js'
import { WdPostJobs } from './worker-prover/wdpost-jobs.js'
import { WorkerProver } from './worker-prover/worker-prover.js'

export interface WindowProverOptions {
  /** `workers`: with `--worker-prover`. */
  readonly kind: 'local' | 'workers'
  readonly db: Knex
  readonly places: SectorPlaces
  readonly settings: CommonSettings['Proving']
  readonly clock: Clock
  readonly log: Logger
  readonly closing: (() => unknown)[]
}

export interface WindowProverRoom {
  readonly windowProver: WindowProver
  /** Of the worker prover. */
  readonly wdPostJobs?: WdPostJobs
  /** Proofs for trial by that same prover; absent: the storage room makes them. */
  readonly simulate?: (simulation: Simulation) => void
}

/** Starts no process: the first proof does. */
export function openWindowProver(options: WindowProverOptions): WindowProverRoom {
  const { kind, db, places, settings, clock, log, closing } = options
  if (kind === 'local') {
    const processes = { reads: new NativeSectorProver(log), computer: new ProofProcess() }
    const windowProver = new LocalProver({ places, ...processes, limits: settings, clock, log })
    closing.push(() => windowProver.close())
    return { windowProver }
  }
  const wdPostJobs = new WdPostJobs({ db, clock, log, settings: settings.WorkerProver })
  const windowProver = new WorkerProver({ jobs: wdPostJobs, places, clock, log })
  closing.push(async () => {
    await windowProver.close()
    await wdPostJobs.stop()
  })
  wdPostJobs.start()
  return { windowProver, wdPostJobs, simulate: simulation => simulate(windowProver, log, simulation) }
}
