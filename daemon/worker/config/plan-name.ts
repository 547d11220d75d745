import { isPlan, PLANS } from '../../../rpc-schema/worker/plans.js'
import { isSupportedPlan } from '../plans/registry.js'

/** What is wrong with a plan's name; undefined when nothing. */
export function checkPlan(name: string): string | undefined {
  if (!isPlan(name)) return `expected one of ${PLANS.join(', ')}, found ${JSON.stringify(name)}`
  return isSupportedPlan(name) ? undefined : `plan ${JSON.stringify(name)} is not supported by this version`
}
