import type { AllocateSectorSpec } from '../../../../rpc-schema/manager/allocation.js'
import type { AcquireDealsSpec } from '../../../../rpc-schema/manager/deals.js'
import { proofTypesOf, type SealingConfig } from '../../config/sealing-config.js'
import { event, IDLE, step } from '../../engine/plan.js'
import { baseOf } from '../../store/sector-record.js'
import { askForWork } from './ask-for-work.js'

/** What this thread may work on. */
export const sectorSpec = ({ allowedMiners, allowedSizes }: SealingConfig): AllocateSectorSpec => ({
  AllowedMiners: [...allowedMiners],
  AllowedProofTypes: proofTypesOf(allowedSizes),
})

export const dealsSpec = ({ maxDeals, minDealSpaceBytes }: SealingConfig): AcquireDealsSpec => ({
  MaxDeals: maxDeals ?? null,
  MinUsedSpace: minDealSpaceBytes ?? null,
})

/** Takes a sector number of one of the proof types. */
export const allocateFor = (specOf: (config: SealingConfig) => AllocateSectorSpec) =>
  step([], async context => {
    const allocated = await askForWork(
      context,
      'AllocateSector',
      'if a sector number was given out, it is skipped',
      () => context.manager.AllocateSector(specOf(context.config)),
    )
    if (allocated === null) return IDLE
    return event('Allocate', { base: baseOf(allocated), sealyard: { allocating: false } })
  })

export const allocateSector = allocateFor(sectorSpec)

export const acquireDeals = step(['base'], async context => {
  const { enableDeals, disableCc } = context.config
  const deals = enableDeals
    ? await context.call(context.manager.AcquireDeals(context.sector.ID, dealsSpec(context.config)))
    : null
  if (deals === null || deals.length === 0) return disableCc ? IDLE : event('AcquireDeals', { deals_v2: null })
  context.log.info({ deals: deals.length }, 'deals acquired')
  return event('AcquireDeals', { deals_v2: deals })
})
