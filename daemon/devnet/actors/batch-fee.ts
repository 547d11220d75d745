import { batchFee } from '../chain/version-rules.js'
import { availableBalance, SINGLETONS, transfer } from '../state/records.js'
import { insufficientFunds } from '../vm/abort.js'
import type { Call, Machine } from '../vm/machine.js'

/** Burns what the network takes for sectors that come together, out of the miner's available balance. */
export function payBatchFee(
  { rules, baseFee }: Machine,
  { draft, to }: Call,
  kind: Parameters<typeof batchFee>[1],
  sectors: number,
): void {
  const fee = batchFee(rules, kind, sectors, baseFee)
  const available = availableBalance(draft, to)
  if (available < fee) {
    throw insufficientFunds(`remaining unlocked funds ${available} are insufficient to pay aggregation fee of ${fee}`)
  }
  transfer(draft, to, SINGLETONS.burn, fee)
}
