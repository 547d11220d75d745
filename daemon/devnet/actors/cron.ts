import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import { type MinerRecord, miners, network, preCommits, SINGLETONS, transfer } from '../state/records.js'
import type { StateDraft } from '../state/state-tree.js'
import type { Machine } from '../vm/machine.js'
import { endDeadlines } from './deadline-end.js'
import { endDueDeals } from './deal-ends.js'
import { cleanUpEpoch } from './precommit.js'

type Rules = Pick<Machine, 'challengeDelay' | 'deadlines'>

/**
 * What happens by itself up to and with the end of an epoch: deadlines close, pre-commits that were never proven go, their deposits
 * burnt, and deals time out or end.
 */
export function runCron(rules: Rules, draft: StateDraft, until: number): void {
  for (const id of network.get(draft).miners) {
    const miner = miners.get(draft, id)!
    if (miner.nextCleanUp !== null && miner.nextCleanUp <= until) cleanUp(rules, draft, id, miner, until)
    endDeadlines(rules.deadlines, draft, id, until)
  }
  endDueDeals(draft, until)
}

function cleanUp(rules: Rules, draft: StateDraft, id: number, miner: MinerRecord, until: number): void {
  const expired: number[] = []
  let burnt = 0n
  let next: number | null = null
  for (const number of miner.preCommitted) {
    const preCommit = preCommits.get(draft, id, number)!
    const due = cleanUpEpoch(rules, preCommit.epoch)
    if (due > until) {
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
