import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import { type MinerRecord, miners, network, preCommits, SINGLETONS, transfer } from '../state/records.js'
import type { StateDraft } from '../state/state-tree.js'
import type { Machine } from '../vm/machine.js'
import { cleanUpEpoch } from './precommit.js'

/** What happens by itself after the messages of an epoch: pre-commits that were never proven go, and their deposits are burnt. */
export function runCron(machine: Pick<Machine, 'epoch' | 'challengeDelay'>, draft: StateDraft): void {
  for (const id of network.get(draft).miners) {
    const miner = miners.get(draft, id)!
    if (miner.nextCleanUp !== null && miner.nextCleanUp <= machine.epoch) cleanUp(machine, draft, id, miner)
  }
}

function cleanUp(
  machine: Pick<Machine, 'epoch' | 'challengeDelay'>,
  draft: StateDraft,
  id: number,
  miner: MinerRecord,
): void {
  const expired: number[] = []
  let burnt = 0n
  let next: number | null = null
  for (const number of miner.preCommitted) {
    const preCommit = preCommits.get(draft, id, number)!
    const due = cleanUpEpoch(machine, preCommit.epoch)
    if (due > machine.epoch) {
      next = Math.min(next ?? due, due)
      continue
    }
    expired.push(number)
    burnt += preCommit.deposit
    preCommits.delete(draft, id, number)
  }
  miners.put(
    draft,
    {
      ...miner,
      preCommitted: miner.preCommitted.subtract(Bitfield.of(expired)),
      preCommitDeposits: miner.preCommitDeposits - burnt,
      nextCleanUp: next,
    },
    id,
  )
  transfer(draft, id, SINGLETONS.burn, burnt)
}
