import {
  type DeadlineConstants,
  type DeadlineInfo,
  newDeadlineInfo,
  nextNotElapsed,
} from '../../../rpc-schema/wire/deadline.js'
import type { MinerRecord } from '../state/records.js'

type Offset = Pick<MinerRecord, 'periodOffset'>

/** Start of the proving period that this epoch lies in. */
export function periodStart({ periodOffset }: Offset, epoch: number, constants: DeadlineConstants): number {
  const { WPoStProvingPeriod: period } = constants
  const progress = (((epoch - periodOffset) % period) + period) % period
  return epoch - progress
}

/** The deadline that is open in this epoch. */
export function currentDeadline(miner: Offset, epoch: number, constants: DeadlineConstants): DeadlineInfo {
  const start = periodStart(miner, epoch, constants)
  return newDeadlineInfo(start, Math.floor((epoch - start) / constants.WPoStChallengeWindow), epoch, constants)
}

/** The next window of a deadline that has not closed: the open one, or one to come. */
export const nextWindow = (miner: Offset, index: number, epoch: number, constants: DeadlineConstants): DeadlineInfo =>
  nextNotElapsed(newDeadlineInfo(periodStart(miner, epoch, constants), index, epoch, constants))

/** A deadline may not be changed while it is open, nor within a challenge window before it opens. */
export const isMutable = (miner: Offset, index: number, epoch: number, constants: DeadlineConstants): boolean =>
  epoch < nextWindow(miner, index, epoch, constants).Open - constants.WPoStChallengeWindow

/** Last epoch of the first deadline that ends in this epoch or later. */
export const deadlineEndFrom = (miner: Offset, epoch: number, constants: DeadlineConstants): number =>
  currentDeadline(miner, epoch, constants).Close - 1

/** A sector ends with the last epoch of its deadline: in the first proving period in which that is not before its expiration. */
export function endOfLife(
  { periodOffset }: Offset,
  sector: { readonly deadline: number; readonly expiration: number },
  { WPoStProvingPeriod: period, WPoStChallengeWindow: window }: DeadlineConstants,
): number {
  const last = periodOffset + (sector.deadline + 1) * window - 1
  return last + Math.ceil((sector.expiration - last) / period) * period
}
