import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import type { DeadlineConstants } from '../../../rpc-schema/wire/deadline.js'
import { POLICY } from '../chain/policy.js'
import { miners, type PartitionRecord } from '../state/records.js'
import type { StateDraft } from '../state/state-tree.js'
import { trustedPosts } from '../state/trusted-posts.js'
import { endSectors } from './end-of-sectors.js'
import { popExpired } from './expiration-queue.js'
import { liveSectors, withMissedProof, withTerminated } from './partition.js'
import { currentDeadline, deadlineEndFrom } from './proving-period.js'
import { deadlineOf, partitionsOf, putDeadline, putPartition } from './proving-set.js'

/** Closes every deadline of a miner that ends up to and with this epoch. */
export function endDeadlines(constants: DeadlineConstants, draft: StateDraft, id: number, until: number): void {
  let next = miners.get(draft, id)!.nextDeadlineEnd
  if (next > until) return
  while (next <= until) {
    endDeadline(constants, draft, id, next)
    next = hasSectors(constants, draft, id)
      ? next + constants.WPoStChallengeWindow
      : // Nothing to prove: the deadlines in between pass without anything to do.
        deadlineEndFrom(miners.get(draft, id)!, until + 1, constants)
  }
  miners.put(draft, { ...miners.get(draft, id)!, nextDeadlineEnd: next }, id)
}

function hasSectors(constants: DeadlineConstants, draft: StateDraft, id: number): boolean {
  for (let index = 0; index < constants.WPoStPeriodDeadlines; index++)
    if (deadlineOf(draft, id, index).live > 0) return true
  return false
}

/** What was not proven in the window becomes faulty; then the sectors end whose time is up, or which were faulty for too long. */
function endDeadline(constants: DeadlineConstants, draft: StateDraft, id: number, epoch: number): void {
  const { Index: index } = currentDeadline(miners.get(draft, id)!, epoch, constants)
  const { live, posted } = deadlineOf(draft, id, index)
  if (live > 0) {
    const faultsEnd = epoch + POLICY.faultMaxPeriods * constants.WPoStProvingPeriod
    for (const [at, partition] of partitionsOf(draft, id, index)) {
      const judged = posted.has(at) ? partition : missed(partition, faultsEnd)
      const { onTime, early, rest } = popExpired(judged.expirations, epoch)
      const ended = onTime.union(early)
      const next = ended.isEmpty ? judged : withTerminated({ ...judged, expirations: rest }, ended)
      if (next !== partition) putPartition(draft, id, index, at, next)
      endSectors(draft, id, { onTime, early, epoch })
    }
  }
  const trusted = trustedPosts.get(draft, id, index)
  if (trusted.open.length + trusted.closed.length > 0)
    trustedPosts.put(draft, { open: [], closed: trusted.open }, id, index)
  if (!posted.isEmpty) putDeadline(draft, id, index, { posted: Bitfield.EMPTY })
}

/** The partition itself when it has nothing left that could become faulty. */
function missed(partition: PartitionRecord, faultsEnd: number): PartitionRecord {
  const well = liveSectors(partition).subtract(partition.faulty)
  return well.isEmpty && partition.recovering.isEmpty ? partition : withMissedProof(partition, faultsEnd)
}
