import { SealError } from '../../../../rpc-schema/seal-error.js'
import { event, IDLE, step } from '../../engine/plan.js'
import { baseOf } from '../../store/sector-record.js'
import { dealsSpec, sectorSpec } from './allocate.js'
import { askForWork } from './ask-for-work.js'

/** Takes a sealed sector without data, and the deals that are to go into it. */
export const allocateSnapUp = step([], async context => {
  const { config, manager } = context
  const allocated = await askForWork(
    context,
    'AllocateSanpUpSector',
    'if a sector was given out, it stays reserved for an upgrade at the manager until it is aborted there',
    () => manager.AllocateSanpUpSector({ Sector: sectorSpec(config), Deals: dealsSpec(config) }),
  )
  if (allocated === null) return IDLE
  const { Sector, Pieces, Public, Private } = allocated
  const found = { base: baseOf(Sector), sealyard: { allocating: false } }
  const missing = [
    ...(Pieces.length === 0 ? ['pieces'] : []),
    ...(Private.AccessInstance === '' ? ['the store that holds the files of the sector'] : []),
  ]
  if (missing.length > 0) {
    // With the sector in the record, giving up tells the manager, which lets go of the deals.
    await context.save(found)
    throw new SealError('abort', `the manager gave out a sector for an upgrade without ${missing.join(' and ')}`)
  }
  return event('AllocatedSnapUpSector', {
    ...found,
    deals_v2: Pieces,
    finalized: { public: { CommR: Public.CommR }, private: { AccessInstance: Private.AccessInstance } },
  })
})
