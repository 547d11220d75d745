import { MarketWithdrawBalanceParams } from '../../../rpc-schema/actors/market.js'
import type { Address } from '../../../rpc-schema/wire/address.js'
import { address, bigInt } from '../../../rpc-schema/wire/cbor.js'
import { marketBalances } from '../state/market.js'
import { miners, resolveId, SINGLETONS, transfer } from '../state/records.js'
import { decodeParams, illegalArgument } from '../vm/abort.js'
import type { Call, Machine } from '../vm/machine.js'
import { onlyFrom } from './miner-control.js'

const lesser = (a: bigint, b: bigint): bigint => (a < b ? a : b)

interface Party {
  /** Whose balance it is. */
  readonly id: number
  /** Who gets what is withdrawn, and who may ask for it. */
  readonly recipient: number
  readonly approved: readonly number[]
}

function partyOf({ draft }: Call, who: Address): Party {
  const id = resolveId(draft, who)
  if (id === undefined) throw illegalArgument(`failed to resolve address ${who.toString('f')}`)
  const miner = miners.get(draft, id)
  return miner === undefined
    ? { id, recipient: id, approved: [id] }
    : { id, recipient: miner.owner, approved: [miner.owner, miner.worker] }
}

/** Method 2: the value of the message is somebody's, for deals. */
export function addMarketBalance(_machine: Machine, call: Call): Uint8Array {
  const who = decodeParams(address, call.params)
  if (call.value <= 0n) throw illegalArgument(`balance to add must be greater than zero was: ${call.value}`)
  marketBalances.change(call.draft, partyOf(call, who).id, { escrow: call.value })
  return new Uint8Array()
}

/** Method 3: what no deal holds goes back, up to the amount that was asked for. Returns what went. */
export function withdrawMarketBalance(_machine: Machine, call: Call): Uint8Array {
  const { ProviderOrClientAddress, Amount } = decodeParams(MarketWithdrawBalanceParams, call.params)
  if (Amount < 0n) throw illegalArgument(`negative amount: ${Amount}`)
  const { id, recipient, approved } = partyOf(call, ProviderOrClientAddress)
  onlyFrom(call.from, ...approved)
  const { escrow, locked } = marketBalances.get(call.draft, id)
  const amount = lesser(escrow - locked, Amount)
  marketBalances.change(call.draft, id, { escrow: -amount })
  transfer(call.draft, SINGLETONS.market, recipient, amount)
  return bigInt.encode(amount)
}
