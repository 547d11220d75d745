import { ChangeBeneficiaryParams, WithdrawBalanceParams } from '../../../rpc-schema/actors/miner-control.js'
import { bigInt } from '../../../rpc-schema/wire/cbor.js'
import type { BeneficiaryTermRecord, PendingBeneficiary } from '../state/miner-control.js'
import { availableBalance, resolveId, SINGLETONS, transfer } from '../state/records.js'
import { decodeParams, forbidden, illegalArgument, insufficientFunds } from '../vm/abort.js'
import type { Call, Machine } from '../vm/machine.js'
import { changeControl, controlled, onlyFrom } from './miner-control.js'
import { checkCaller } from './precommit.js'

export const lesser = (a: bigint, b: bigint): bigint => (a < b ? a : b)

/** What a beneficiary may still draw at this epoch. */
const leftOf = (term: BeneficiaryTermRecord, epoch: number): bigint =>
  term.expiration > epoch && term.quota > term.used ? term.quota - term.used : 0n

/** Method 16: what is not locked goes to the beneficiary, up to the amount that was asked for. Returns what went. */
export function withdrawBalance({ epoch }: Machine, call: Call): Uint8Array {
  const { AmountRequested } = decodeParams(WithdrawBalanceParams, call.params)
  if (AmountRequested < 0n) throw illegalArgument(`negative fund requested for withdrawal: ${AmountRequested}`)
  const { miner, control } = controlled(call)
  onlyFrom(call.from, miner.owner, control.beneficiary)
  const available = availableBalance(call.draft, call.to) - control.feeDebt
  if (available < 0n) throw insufficientFunds(`unlocked balance can not repay fee debt (${available})`)
  let amount = lesser(available, AmountRequested)
  let { term } = control
  if (amount > 0n && control.beneficiary !== miner.owner) {
    const left = leftOf(term, epoch)
    if (left === 0n)
      throw forbidden(
        `beneficiary expiration of epoch ${term.expiration} passed or quota of ${term.quota} depleted with ${term.used} used`,
      )
    amount = lesser(amount, left)
    term = { ...term, used: term.used + amount }
  }
  transfer(call.draft, call.to, control.beneficiary, amount)
  transfer(call.draft, call.to, SINGLETONS.burn, control.feeDebt)
  changeControl(call, control, { term, feeDebt: 0n })
  return bigInt.encode(amount)
}

/** Method 22: burns what the miner owes, as far as it has it. */
export function repayDebt(_machine: Machine, call: Call): Uint8Array {
  const { miner, control } = controlled(call)
  checkCaller(miner, call.from)
  const available = availableBalance(call.draft, call.to)
  const paid = available > 0n ? lesser(available, control.feeDebt) : 0n
  transfer(call.draft, call.to, SINGLETONS.burn, paid)
  changeControl(call, control, { feeDebt: control.feeDebt - paid })
  return new Uint8Array()
}

/** Method 30: proposed by the owner, then approved by the present beneficiary and by the new one. */
export function changeBeneficiary({ epoch }: Machine, call: Call): Uint8Array {
  const { NewBeneficiary, NewQuota, NewExpiration } = decodeParams(ChangeBeneficiaryParams, call.params)
  const nominee = resolveId(call.draft, NewBeneficiary)
  if (nominee === undefined) throw illegalArgument(`unable to resolve address: ${NewBeneficiary.toString('f')}`)
  const { miner, control } = controlled(call)
  let pending: PendingBeneficiary
  if (call.from === miner.owner) {
    if (nominee === miner.owner) {
      if (NewExpiration !== 0) throw illegalArgument(`owner beneficiary set expiration to 0, but got ${NewExpiration}`)
      if (NewQuota !== 0n) throw illegalArgument(`owner beneficiary set quota to 0, but got ${NewQuota}`)
    } else if (NewQuota <= 0n) throw illegalArgument(`beneficiary quota ${NewQuota} must be bigger than 0`)
    pending = {
      beneficiary: nominee,
      quota: NewQuota,
      expiration: NewExpiration,
      // One that can draw nothing any more is not asked, nor is the owner about itself.
      approvedByBeneficiary: leftOf(control.term, epoch) === 0n,
      approvedByNominee: nominee === miner.owner,
    }
  } else {
    if (control.pendingBeneficiary === null) throw forbidden('No changeBeneficiary proposal exists')
    pending = control.pendingBeneficiary
    if (pending.beneficiary !== nominee)
      throw illegalArgument(
        `new beneficiary address must be equal expect f0${pending.beneficiary}, but got f0${nominee}`,
      )
    if (pending.quota !== NewQuota)
      throw illegalArgument(`new beneficiary quota must be equal expect ${pending.quota}, but got ${NewQuota}`)
    if (pending.expiration !== NewExpiration)
      throw illegalArgument(
        `new beneficiary expire date must be equal expect ${pending.expiration}, but got ${NewExpiration}`,
      )
    onlyFrom(call.from, control.beneficiary, nominee)
  }
  const approved = {
    ...pending,
    approvedByBeneficiary: pending.approvedByBeneficiary || call.from === control.beneficiary,
    approvedByNominee: pending.approvedByNominee || call.from === nominee,
  }
  if (!approved.approvedByBeneficiary || !approved.approvedByNominee) {
    changeControl(call, control, { pendingBeneficiary: approved })
    return new Uint8Array()
  }
  const used = nominee === control.beneficiary ? control.term.used : 0n
  changeControl(call, control, {
    beneficiary: nominee,
    term: { quota: approved.quota, used, expiration: approved.expiration },
    pendingBeneficiary: null,
  })
  return new Uint8Array()
}
