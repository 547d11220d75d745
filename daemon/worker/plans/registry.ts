import type { Plan } from '../engine/plan.js'
import { sealerPlan } from './sealer.js'

/** What a thread's `plan` can be. */
export const PLAN_TABLE: ReadonlyMap<string, Plan> = new Map([sealerPlan].map(plan => [plan.name, plan]))

export const isSupportedPlan = (name: string): boolean => PLAN_TABLE.has(name)
