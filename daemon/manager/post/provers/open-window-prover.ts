import type { Knex } from 'knex'
import type { Clock } from '../../../kit/clock.js'
import type { Logger } from '../../../kit/log.js'
import type { ExtProverSettings } from '../../config/ext-prover-settings.js'
import type { CommonSettings } from '../../config/manager-settings.js'
import type { SectorPlaces } from '../../storage/sector-places.js'
import { NativeSectorProver } from '../../storage/sector-proofs.js'
import type { PartitionOfDeadline } from '../being-proven.js'
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
  /** Whether any manager of the database is at a partition, for the chain. */
  readonly beingProven: (partition: PartitionOfDeadline) => Promise<boolean>
  readonly clock: Clock
  readonly log: Logger
  readonly closing: (() => unknown)[]
}

export interface WindowProverRoom {
  readonly windowProver: WindowProver
  /** Of the worker prover. */
  readonly wdPostJobs?: WdPostJobs
  /** Begins a proof for trial by that same prover; absent: the storage room makes them. Rejects while the same is proven for the chain. */
  readonly simulate?: (simulation: Simulation) => Promise<void>
  /** Of the external prover: resolves when its processes have said that they are ready. */
  readonly startProvers?: () => Promise<void>
}

/** By then a process with room for a real proof beside a trial has it, and a master has ended its trials. */
const GIVE_WAY_MS = 5_000

/** Whether the manager makes window proofs itself: a kind of proof without a process of its own is. */
export const provesWindowsHere = (kind: WindowProofs): boolean =>
  kind === 'local' || (kind !== 'workers' && kind.WdPost.length === 0)

/** Starts no process: the first proof does, or `startProvers`. */
export function openWindowProver(options: WindowProverOptions): WindowProverRoom {
  const { kind, db, places, settings, beingProven, clock, log, closing } = options
  if (kind === 'local' || provesWindowsHere(kind)) {
    const processes = { reads: new NativeSectorProver(log), computer: new ProofProcess() }
    const windowProver = new LocalProver({ places, ...processes, limits: settings, clock, log })
    closing.push(() => windowProver.close())
    return { windowProver }
  }
  if (kind !== 'workers') {
    const children = new ProofChildren('window_post', { children: kind.WdPost.map(childOf), clock, log })
    const prover = new ExtProver({ children, places, clock, log })
    const guard = new TrialGuard({ prover, beingProven, clock, giveWayMs: GIVE_WAY_MS })
    closing.push(() => guard.close())
    return { windowProver: guard, startProvers: () => children.start(), simulate: trialsOf(guard, log) }
  }
  const wdPostJobs = new WdPostJobs({ db, clock, log, settings: settings.WorkerProver, limits: settings })
  const prover = new WorkerProver({ jobs: wdPostJobs, places, clock, log })
  const guard = new TrialGuard({ prover, beingProven, clock })
  closing.push(async () => {
    await guard.close()
    await wdPostJobs.stop()
  })
  wdPostJobs.start()
  return { windowProver: guard, wdPostJobs, simulate: trialsOf(guard, log) }
}

const trialsOf =
  (guard: TrialGuard, log: Logger) =>
  async (simulation: Simulation): Promise<void> => {
    const { miner, deadline, partition, sectors } = simulation
    await guard.admit({ miner: miner.id, deadline, partition, sectors: sectors.map(sector => sector.SectorNumber) })
    simulate(guard, log, simulation)
  }
