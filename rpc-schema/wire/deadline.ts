import { z } from 'zod'
import { ChainEpoch, Uint64 } from './numbers.js'

/** Lengths that shape a proving period, in epochs. Read from the chain's deadline info; never assumed. */
export const DeadlineConstants = z.object({
  WPoStPeriodDeadlines: Uint64,
  WPoStProvingPeriod: ChainEpoch,
  WPoStChallengeWindow: ChainEpoch,
  WPoStChallengeLookback: ChainEpoch,
  FaultDeclarationCutoff: ChainEpoch,
})
export type DeadlineConstants = z.infer<typeof DeadlineConstants>

/** One deadline of one proving period, as StateMinerProvingDeadline tells it. */
export const DeadlineInfo = z.object({
  CurrentEpoch: ChainEpoch,
  PeriodStart: ChainEpoch,
  /** Current deadline, 0-based; equals WPoStPeriodDeadlines after the last one of a period. */
  Index: Uint64,
  /** First epoch in which a proof may be submitted (inclusive). */
  Open: ChainEpoch,
  /** Epoch from which on it may not (exclusive end). */
  Close: ChainEpoch,
  /** Epoch whose randomness challenges this deadline. */
  Challenge: ChainEpoch,
  /** First epoch in which faults and recoveries can no longer be declared. */
  FaultCutoff: ChainEpoch,
  ...DeadlineConstants.shape,
})
export type DeadlineInfo = z.infer<typeof DeadlineInfo>

/** Constants of mainnet, and of every network that did not shorten them. For the devnet and for tests. */
export const MAINNET_DEADLINES: DeadlineConstants = {
  WPoStPeriodDeadlines: 48,
  WPoStProvingPeriod: 2880,
  WPoStChallengeWindow: 60,
  WPoStChallengeLookback: 20,
  FaultDeclarationCutoff: 70,
}

/** Deadline `index` of the period that starts at `periodStart`. An index past the last gives the empty span after it. */
export function newDeadlineInfo(
  periodStart: number,
  index: number,
  currentEpoch: number,
  constants: DeadlineConstants = MAINNET_DEADLINES,
): DeadlineInfo {
  const {
    WPoStPeriodDeadlines,
    WPoStProvingPeriod,
    WPoStChallengeWindow,
    WPoStChallengeLookback,
    FaultDeclarationCutoff,
  } = constants
  const common = { CurrentEpoch: currentEpoch, PeriodStart: periodStart, Index: index }
  const lengths = {
    WPoStPeriodDeadlines,
    WPoStProvingPeriod,
    WPoStChallengeWindow,
    WPoStChallengeLookback,
    FaultDeclarationCutoff,
  }
  if (index >= WPoStPeriodDeadlines) {
    const end = periodStart + WPoStProvingPeriod
    return { ...common, Open: end, Close: end, Challenge: end, FaultCutoff: 0, ...lengths }
  }
  const open = periodStart + index * WPoStChallengeWindow
  return {
    ...common,
    Open: open,
    Close: open + WPoStChallengeWindow,
    Challenge: open - WPoStChallengeLookback,
    FaultCutoff: open - FaultDeclarationCutoff,
    ...lengths,
  }
}

/** The proving period has begun. */
export const periodStarted = (info: DeadlineInfo): boolean => info.CurrentEpoch >= info.PeriodStart
/** The proving period is over. */
export const periodElapsed = (info: DeadlineInfo): boolean => info.CurrentEpoch >= nextPeriodStart(info)
/** First epoch of the next proving period. */
export const nextPeriodStart = (info: DeadlineInfo): number => info.PeriodStart + info.WPoStProvingPeriod
/** Last epoch of the proving period. */
export const periodEnd = (info: DeadlineInfo): number => nextPeriodStart(info) - 1

/** A proof may be submitted now. */
export const isOpen = (info: DeadlineInfo): boolean => info.CurrentEpoch >= info.Open && info.CurrentEpoch < info.Close
/** The window has closed. */
export const hasElapsed = (info: DeadlineInfo): boolean => info.CurrentEpoch >= info.Close
/** Last epoch of the window. */
export const lastEpoch = (info: DeadlineInfo): number => info.Close - 1
/** Too late to declare faults or recoveries for this deadline. */
export const faultCutoffPassed = (info: DeadlineInfo): boolean => info.CurrentEpoch >= info.FaultCutoff

/** The same deadline in the first proving period where it has not elapsed yet: itself, or a later one. */
export function nextNotElapsed(info: DeadlineInfo): DeadlineInfo {
  if (!hasElapsed(info)) return info
  const periods = Math.floor((info.CurrentEpoch - info.Close) / info.WPoStProvingPeriod) + 1
  return newDeadlineInfo(info.PeriodStart + periods * info.WPoStProvingPeriod, info.Index, info.CurrentEpoch, info)
}
