import { errorText } from '../../../../rpc-schema/seal-error.js'
import { proofTypesOf } from '../../config/sealing-config.js'
import { Interrupt, ManagerUnreachable } from '../../engine/failure.js'
import { event, IDLE, type StepContext, step } from '../../engine/plan.js'
import { baseOf } from '../../store/sector-record.js'

/**
 * Takes a sector number. The manager's API has no way to ask for a number given out before, so a kill between its answer and our
 * journal loses one: it is skipped, never used twice. The journaled intent lets the next start say so.
 */
export const allocateSector = step([], async context => {
  if (context.record.sealyard.allocating) {
    context.log.warn('a sector number was asked for before the last stop: if one was given out, it is skipped')
  }
  await context.save({ sealyard: { allocating: true } })
  const { allowedMiners, allowedSizes } = context.config
  const allocated = await askIdly(context, 'AllocateSector', () =>
    context.manager.AllocateSector({
      AllowedMiners: [...allowedMiners],
      AllowedProofTypes: proofTypesOf(allowedSizes),
    }),
  )
  if (allocated === null) {
    await context.save({ sealyard: { allocating: false } })
    return IDLE
  }
  return event('Allocate', { base: baseOf(allocated), sealyard: { allocating: false } })
})

export const acquireDeals = step(['base'], async context => {
  const { enableDeals, disableCc, maxDeals, minDealSpaceBytes } = context.config
  const spec = { MaxDeals: maxDeals ?? null, MinUsedSpace: minDealSpaceBytes ?? null }
  const deals = enableDeals ? await context.call(context.manager.AcquireDeals(context.sector.ID, spec)) : null
  if (deals === null || deals.length === 0) return disableCc ? IDLE : event('AcquireDeals', { deals_v2: null })
  context.log.info({ deals: deals.length }, 'deals acquired')
  return event('AcquireDeals', { deals_v2: deals })
})

/** A manager that answers a question for work with an error has no work; one that does not answer is another matter. */
async function askIdly<T>(context: StepContext, what: string, ask: () => Promise<T | null>): Promise<T | null> {
  try {
    return await context.call(ask())
  } catch (error) {
    if (error instanceof ManagerUnreachable || error instanceof Interrupt) throw error
    context.log.warn({ err: error }, `${what}: ${errorText(error)}`)
    return null
  }
}
