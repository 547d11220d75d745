import type { Knex } from 'knex'
import type { Clock } from '../../../kit/clock.js'
import type { Logger } from '../../../kit/log.js'
import type { ExtProverSettings } from '../../config/ext-prover-settings.js'
import type { CommonSettings } from '../../config/manager-settings.js'
import type { SectorPlaces } from '../../storage/sector-places.js'
import { NativeSectorProver } from '../../storage/sector-proofs.js'
import type { WindowProver } from '../window-prover.js'
import { childOf } from './ext-prover/child-entry.js'
import { ExtProver } from './ext-prover/ext-prover.js'
import { ProofChildren } from './ext-prover/proof-children.js'
import { LocalProver } from './local/local-prover.js'
import { ProofProcess } from './local/proof-process.js'
import { type Simulation, simulate } from './simulation.js'
import { TrialGuard } from './trial-guard.js'
import { WdPostJobs } from './worker-prover/wdpost-jobs.js'
import { WorkerProver } from './worker-prover/worker-prover.js'

/** Who makes window proofs: this machine, workers (`--worker-prover`), or the processes of `ext-prover.cfg` (`--ext-prover`). */
export type WindowProofs = 'local' | 'workers' | ExtProverSettings

export interface WindowProverOptions {
  readonly kind: WindowProofs
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
  /** Of the external prover: resolves when its processes have said that they are ready. */
  readonly startProvers?: () => Promise<void>
}

/** Whether the manager makes window proofs itself: a kind of proof without a process of its own is. */
export const provesWindowsHere = (kind: WindowProofs): boolean =>
  kind === 'local' || (kind !== 'workers' && kind.WdPost.length === 0)

/** Starts no process: the first proof does, or `startProvers`. */
export function openWindowProver(options: WindowProverOptions): WindowProverRoom {
  const { kind, db, places, settings, clock, log, closing } = options
  if (kind === 'local' || provesWindowsHere(kind)) {
    const processes = { reads: new NativeSectorProver(log), computer: new ProofProcess() }
    const windowProver = new LocalProver({ places, ...processes, limits: settings, clock, log })
    closing.push(() => windowProver.close())
    return { windowProver }
  }
  if (kind !== 'workers') {
    const children = new ProofChildren('window_post', { children: kind.WdPost.map(childOf), clock, log })
    const prover = new ExtProver({ children, places, clock, log })
    const windowProver = new TrialGuard(prover)
    closing.push(() => windowProver.close())
    return {
      windowProver,
      startProvers: () => children.start(),
      simulate: simulation => {
        const sectors = simulation.sectors.map(({ SectorNumber }) => SectorNumber)
        windowProver.admit(simulation.miner.id, sectors)
        simulate(prover, log, simulation)
      },
    }
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
