import { DisputeWindowedPoStParams } from '../../../rpc-schema/actors/miner-post.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import { isOpen } from '../../../rpc-schema/wire/deadline.js'
import { FIL } from '../../../rpc-schema/wire/token-amount.js'
import { disputeWindow, POLICY } from '../chain/policy.js'
import { availableBalance, miners, SINGLETONS, transfer } from '../state/records.js'
import { type TrustedPost, trustedPosts } from '../state/trusted-posts.js'
import { decodeParams, forbidden, illegalArgument, notFound } from '../vm/abort.js'
import type { Call, Machine } from '../vm/machine.js'
import { checkDeadline, loadPartition } from './addressed-partitions.js'
import { changeControl, controlled } from './miner-control.js'
import { lesser } from './miner-money.js'
import { activeSectors, withFaults } from './partition.js'
import { nextWindow } from './proving-period.js'
import { putPartition } from './proving-set.js'
import { isRightPost } from './window-post.js'

/**
 * What a proof that does not hold costs, and what whoever shows it gets of that (builtin-actors `monies.rs`,
 * `BASE_PENALTY_FOR_DISPUTED_WINDOW_POST` and `BASE_REWARD_FOR_DISPUTED_WINDOW_POST`). The part that follows block rewards is nothing here.
 */
const PENALTY = 20n * FIL
const REWARD = 4n * FIL

/** Method 24: shows that a proof that was taken on trust does not hold. Its sectors become faulty, and the miner pays. */
export async function disputeWindowedPoSt(machine: Machine, call: Call): Promise<Uint8Array> {
  const { Deadline, PoStIndex } = decodeParams(DisputeWindowedPoStParams, call.params)
  const { draft, to } = call
  checkDeadline(machine.deadlines, Deadline)
  checkTime(machine, call, Deadline)
  const { open, closed } = trustedPosts.get(draft, to, Deadline)
  const post = closed[PoStIndex]
  if (post === undefined || post === null) throw notFound(`failed to find proof ${PoStIndex}`)
  const disputed = sectorsWithPower(call, Deadline, post)
  if (disputed.every(({ sectors }) => sectors.isEmpty))
    throw illegalArgument('cannot dispute proofs that are not active')
  if (await isRightPost(machine, miners.get(draft, to)!, to, post)) {
    throw illegalArgument('failed to dispute valid post')
  }
  const rest = closed.map((other, index) => (index === PoStIndex ? null : other))
  trustedPosts.put(draft, { open, closed: rest }, to, Deadline)
  const faultsEnd = post.last + POLICY.faultMaxPeriods * machine.deadlines.WPoStProvingPeriod
  for (const { index, sectors } of disputed)
    putPartition(draft, to, Deadline, index, withFaults(loadPartition(call, Deadline, index), sectors, faultsEnd))
  punish(call)
  return new Uint8Array()
}

/** From the close of a window on, for as long as the network leaves; never while the next one is open. */
function checkTime({ epoch, deadlines }: Machine, { draft, to }: Call, deadline: number): void {
  const next = nextWindow(miners.get(draft, to)!, deadline, epoch, deadlines)
  const closedAt = next.Close - deadlines.WPoStProvingPeriod
  if (isOpen(next) || epoch >= closedAt + disputeWindow(deadlines)) {
    throw forbidden(
      `can only dispute window posts during the dispute window (${disputeWindow(deadlines)} epochs after the challenge window closes)`,
    )
  }
}

function sectorsWithPower(
  call: Call,
  deadline: number,
  { partitions, replicas }: TrustedPost,
): { index: number; sectors: Bitfield }[] {
  const shown = Bitfield.of(replicas.map(({ number }) => number))
  return partitions.map(index => ({
    index,
    sectors: activeSectors(loadPartition(call, deadline, index)).intersect(shown),
  }))
}

/** What the miner has pays its debts; of that the one who disputed gets his share, and the rest is burnt. */
function punish(call: Call): void {
  const { draft, to, from } = call
  const { control } = controlled(call)
  const debt = control.feeDebt + PENALTY
  const available = availableBalance(draft, to)
  const paid = available > 0n ? lesser(available, debt) : 0n
  const reward = lesser(paid, REWARD)
  transfer(draft, to, from, reward)
  transfer(draft, to, SINGLETONS.burn, paid - reward)
  changeControl(call, control, { feeDebt: debt - paid })
}
