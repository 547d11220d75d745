/** What a sealing thread does: the names of the configuration's `plan` key and of the sector record. */
export const PLANS = ['sealer', 'snapup', 'rebuild', 'unseal', 'wdpost', 'niporep'] as const
export type PlanName = (typeof PLANS)[number]

export const DEFAULT_PLAN: PlanName = 'sealer'

export const isPlan = (name: string): name is PlanName => (PLANS as readonly string[]).includes(name)
