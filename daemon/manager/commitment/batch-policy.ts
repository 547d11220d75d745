import type { MinerBatchConfig } from '../../../rpc-schema/manager/miner-config.js'
import type { Waiting } from './queue-repository.js'

export interface BatchMoment {
  /** Height of the head. */
  readonly epoch: number
  /** The nominal length of an epoch of this network, ms. */
  readonly epochMs: number
  /** Gas costs many times of what it usually does. */
  readonly gasIsDear?: boolean
}

export interface WaitingSector extends Waiting {
  /** How long it has been seen to wait, ms. */
  readonly waitedMs: number
  /** The epoch by which the sector must be on the chain; undefined when nothing presses. */
  readonly mustLandBy: number | undefined
}

/** So many epochs before its last moment a sector is sent, whatever it might still be batched with. */
const LANDING_MARGIN_EPOCHS = 120

/**
 * Which of the waiting sectors are to be sent now: all of them once they are enough, or once one has waited long enough, by a clock that nobody sets or by the epochs
 * that the chain has made meanwhile, or cannot wait any longer: company makes its message cheaper for each. While gas is dear only those go that
 * cannot wait.
 */
export function dueSectors<W extends WaitingSector>(
  waiting: readonly W[],
  { Threshold, MaxWait }: Pick<MinerBatchConfig, 'Threshold' | 'MaxWait'>,
  { epoch, epochMs, gasIsDear = false }: BatchMoment,
): W[] {
  const presses = ({ mustLandBy }: W): boolean =>
    mustLandBy !== undefined && epoch >= mustLandBy - LANDING_MARGIN_EPOCHS
  if (gasIsDear) return waiting.filter(presses)
  const hasWaited = ({ waitedMs, queuedEpoch }: W): boolean =>
    waitedMs >= MaxWait || (epoch - queuedEpoch) * epochMs >= MaxWait
  const isDue = waiting.length >= Math.max(1, Threshold) || waiting.some(one => hasWaited(one) || presses(one))
  return isDue ? [...waiting] : []
}
