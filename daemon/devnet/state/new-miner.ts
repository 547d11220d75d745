import type { Address } from '../../../rpc-schema/wire/address.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import type { DeadlineConstants } from '../../../rpc-schema/wire/deadline.js'
import type { SealProofType } from '../../../rpc-schema/wire/proof-types.js'
import { deadlineEndFrom } from '../actors/proving-period.js'
import { windowPoStOf } from '../chain/policy.js'
import { type MinerRecord, miners, network } from './records.js'
import type { StateDraft } from './state-tree.js'

export interface NewMiner extends Pick<MinerRecord, 'owner' | 'worker' | 'controls'> {
  readonly robust: Address
  /** A seal proof of its sector size. */
  readonly proof: SealProofType
}

/** The record of a miner that has no sectors yet. Its actor exists already. */
export function newMiner(
  draft: StateDraft,
  id: number,
  { robust, proof, owner, worker, controls }: NewMiner,
  { epoch, deadlines }: { epoch: number; deadlines: DeadlineConstants },
): void {
  const periodOffset = (robust.payload[0]! * 256 + robust.payload[1]!) % deadlines.WPoStProvingPeriod
  miners.put(
    draft,
    {
      owner,
      worker,
      controls,
      sectorSize: proof.sectorSize,
      windowPoStProof: windowPoStOf(proof),
      partitionSectors: proof.windowPoStPartitionSectors,
      periodOffset,
      preCommitDeposits: 0n,
      initialPledge: 0n,
      allocated: Bitfield.EMPTY,
      preCommitted: Bitfield.EMPTY,
      sectors: Bitfield.EMPTY,
      nextDeadlineEnd: deadlineEndFrom({ periodOffset }, epoch, deadlines),
      nextCleanUp: null,
    },
    id,
  )
  network.update(draft, { miners: [...network.get(draft).miners, id] })
}
