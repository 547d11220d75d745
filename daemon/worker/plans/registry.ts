import type { ThreadConfig } from '../config/worker-config.js'
import type { JobPlan } from '../engine/job-plan.js'
import type { Plan } from '../engine/plan.js'
import { wdpostPlan } from '../wdpost/wdpost-plan.js'
import { niporepPlan } from './niporep.js'
import { rebuildPlan } from './rebuild.js'
import { sealerPlan } from './sealer.js'
import { snapupPlan } from './snapup.js'
import { unsealPlan } from './unseal.js'

const byName = <P extends { readonly name: string }>(...plans: readonly P[]): ReadonlyMap<string, P> =>
  new Map(plans.map(plan => [plan.name, plan]))

/** What a thread's `plan` can be: plans that carry a sector through a sealing store. */
export const PLAN_TABLE = byName<Plan>(sealerPlan, snapupPlan, rebuildPlan, niporepPlan, unsealPlan)
/** And plans for jobs in memory. */
export const JOB_PLAN_TABLE = byName<JobPlan>(wdpostPlan)

export const isSupportedPlan = (name: string): boolean => PLAN_TABLE.has(name) || JOB_PLAN_TABLE.has(name)
/** Whether a thread of this plan must have a `location`. */
export const needsStore = (name: string): boolean => !JOB_PLAN_TABLE.has(name)
/** Whether threads do nothing that touches a persist store: they prove windows from what others have read. */
export const needsNoAttached = (threads: readonly Pick<ThreadConfig, 'plan' | 'sealing'>[]): boolean =>
  threads.length > 0 &&
  threads.every(({ plan, sealing }) => plan === wdpostPlan.name && sealing.windowParts.every(part => part === 'prove'))
