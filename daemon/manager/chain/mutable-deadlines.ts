import { type DeadlineInfo, newDeadlineInfo, nextNotElapsed } from '../../../rpc-schema/wire/deadline.js'

/**
 * Whether the sectors of a deadline can be ended or upgraded by a message that is sent now: the actor refuses it from one window before the
 * deadline opens until it closes, and the message needs a few epochs to land (a sixth of a window: 10 on mainnet).
 * `present`: the miner's deadline of now; `index`: the deadline in question.
 */
export function isMutable(present: DeadlineInfo, index: number): boolean {
  const { CurrentEpoch, PeriodStart, WPoStChallengeWindow } = present
  const next = nextNotElapsed(newDeadlineInfo(PeriodStart, index, CurrentEpoch, present))
  return CurrentEpoch + Math.ceil(WPoStChallengeWindow / 6) < next.Open - WPoStChallengeWindow
}

/** The epoch from which on the deadline is mutable again (or now, when it is). */
export function mutableFrom(present: DeadlineInfo, index: number): number {
  if (isMutable(present, index)) return present.CurrentEpoch
  return nextNotElapsed(newDeadlineInfo(present.PeriodStart, index, present.CurrentEpoch, present)).Close
}
