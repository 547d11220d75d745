import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import { POLICY } from '../chain/policy.js'
import { availableBalance, miners, type PreCommitRecord, preCommits, sectors } from '../state/records.js'
import { illegalArgument, insufficientFunds } from '../vm/abort.js'
import type { Call, Machine } from '../vm/machine.js'
import { addToDeadline, chooseDeadlines } from './deadline-assignment.js'
import { dailyFee, initialPledge, qualityAdjustedPower } from './economics.js'

export interface ProvenSector {
  readonly preCommit: PreCommitRecord
  /** Bytes of pieces with and without an allocation. */
  readonly verifiedBytes: number
  readonly unverifiedBytes: number
}

/** Makes sectors of pre-commits whose proofs hold: their deposits are set free, their pledges locked, their places assigned. */
export function activateSectors(machine: Machine, { draft, to }: Call, proven: readonly ProvenSector[]): void {
  const miner = miners.get(draft, to)!
  const chosen = chooseDeadlines(
    draft,
    to,
    miner,
    machine,
    proven.map(({ preCommit }) => preCommit.number),
  )
  let deposits = 0n
  let pledges = 0n
  for (const { preCommit, verifiedBytes, unverifiedBytes } of proven) {
    const duration = preCommit.expiration - machine.epoch
    if (duration < POLICY.minSectorExpiration) {
      throw illegalArgument(
        `precommit ${preCommit.number} has lifetime ${duration} less than minimum ${POLICY.minSectorExpiration}. ignoring`,
      )
    }
    const power = qualityAdjustedPower(miner.sectorSize, verifiedBytes)
    const pledge = initialPledge(power)
    deposits += preCommit.deposit
    pledges += pledge
    preCommits.delete(draft, to, preCommit.number)
    sectors.put(
      draft,
      {
        number: preCommit.number,
        sealProof: preCommit.sealProof,
        sealedCid: preCommit.sealedCid,
        activation: machine.epoch,
        expiration: preCommit.expiration,
        powerBaseEpoch: machine.epoch,
        sectorKeyCid: null,
        dealWeight: BigInt(unverifiedBytes) * BigInt(duration),
        verifiedDealWeight: BigInt(verifiedBytes) * BigInt(duration),
        initialPledge: pledge,
        dailyFee: dailyFee(power),
        // Set where it is put into its deadline.
        deadline: 0,
        partition: 0,
      },
      to,
      preCommit.number,
    )
  }
  const unlocked = availableBalance(draft, to) + deposits
  if (unlocked < pledges) {
    throw insufficientFunds(
      `insufficient funds for aggregate initial pledge requirement ${pledges}, available: ${unlocked}`,
    )
  }
  for (const [deadline, numbers] of chosen) addToDeadline(draft, to, machine.deadlines, deadline, numbers, false)
  const numbers = Bitfield.of(proven.map(({ preCommit }) => preCommit.number))
  miners.put(
    draft,
    {
      ...miner,
      preCommitDeposits: miner.preCommitDeposits - deposits,
      initialPledge: miner.initialPledge + pledges,
      preCommitted: miner.preCommitted.subtract(numbers),
      sectors: miner.sectors.union(numbers),
    },
    to,
  )
}
