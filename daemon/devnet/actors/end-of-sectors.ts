import type { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import { miners, SINGLETONS, sectors, transfer } from '../state/records.js'
import type { StateDraft } from '../state/state-tree.js'
import { slashDeals } from './deal-ends.js'
import { terminationFee } from './economics.js'

export interface EndedSectors {
  readonly onTime: Bitfield
  /** Before their time: by the miner's will, or faulty for too long. */
  readonly early: Bitfield
  readonly epoch: number
}

/** Sets the pledges of sectors free that have ended; those that ended early pay the fee for it, and lose the collateral of their deals. Their records stay until compaction. */
export function endSectors(draft: StateDraft, id: number, { onTime, early, epoch }: EndedSectors): void {
  let [pledges, fees] = [0n, 0n]
  for (const number of onTime.union(early)) {
    const sector = sectors.get(draft, id, number)!
    pledges += sector.initialPledge
    if (!early.has(number)) continue
    fees += terminationFee(sector.initialPledge, epoch - sector.activation)
    slashDeals(draft, id, number, epoch)
  }
  if (pledges === 0n) return
  const miner = miners.get(draft, id)!
  miners.put(draft, { ...miner, initialPledge: miner.initialPledge - pledges }, id)
  transfer(draft, id, SINGLETONS.burn, fees)
}
