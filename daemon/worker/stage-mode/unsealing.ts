import { join } from 'node:path'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import type { SealingConfig } from '../config/sealing-config.js'
import type { PlanEnvironment } from '../engine/plan.js'
import { SealingThread } from '../engine/sealing-thread.js'
import { PLAN_TABLE } from '../plans/registry.js'
import { unsealPlan } from '../plans/unseal.js'
import type { Processors } from '../processors/processors.js'
import { SealingStore } from '../store/sealing-store.js'
import { ReaderProcesses } from '../wdpost/reading/window-reads.js'
import type { StagePaths } from './stage-paths.js'

export interface UnsealingParts {
  readonly home: string
  readonly name: string
  readonly paths: StagePaths
  readonly environment: Omit<PlanEnvironment, 'stores'>
  readonly processors: Processors
  readonly config: SealingConfig
  readonly clock: Clock
  readonly log: Logger
}

export interface Unsealing {
  stop(graceMs: number): Promise<void>
}

/**
 * Reads pieces back from sectors on the stores of this worker: a thread of the unseal plan, which has a queue of its own at the manager. A worker
 * without a store cannot read any sector, and starts none.
 */
export async function startUnsealing(parts: UnsealingParts): Promise<Unsealing | undefined> {
  const { home, name, paths, environment, processors, config, clock, log } = parts
  const stores = await paths.stores()
  if (stores.names.length === 0) return undefined
  const store = await SealingStore.open(join(home, 'unsealing'))
  const thread = new SealingThread({
    index: 0,
    plan: unsealPlan.name,
    config,
    store,
    plans: PLAN_TABLE,
    jobPlans: new Map(),
    // It has no plan for jobs, and so reads no windows.
    environment: { ...environment, stores, windowReads: new ReaderProcesses(clock) },
    processors,
    clock,
    log,
    instance: name,
  })
  thread.start(Promise.resolve())
  return {
    async stop(graceMs) {
      await thread.stop(graceMs)
      await store.close()
    },
  }
}
