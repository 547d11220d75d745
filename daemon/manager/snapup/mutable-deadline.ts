import { type DeadlineInfo, newDeadlineInfo, nextNotElapsed } from '../../../rpc-schema/wire/deadline.js'

/** Epochs that a message may take to land before the deadline closes for changes. */
const LANDING_MARGIN = 10

/**
 * The actor changes no sector of a deadline that is open, or opens within one challenge window. Undefined when an upgrade that is sent now lands in
 * time; else the epoch from which on it is worth another look. `present`: the proving deadline of the miner at the head.
 */
export function closedUntil(deadline: number, present: DeadlineInfo): number | undefined {
  const next = nextNotElapsed(newDeadlineInfo(present.PeriodStart, deadline, present.CurrentEpoch, present))
  const margin = Math.min(LANDING_MARGIN, present.WPoStChallengeWindow)
  const lastMoment = next.Open - next.WPoStChallengeWindow - margin
  return present.CurrentEpoch < lastMoment ? undefined : next.Close
}
