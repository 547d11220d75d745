import { z } from 'zod'
import { orNull, orZero } from '../rpc/zero-value.js'
import { AddressJson } from '../wire/address.js'
import { CidJson } from '../wire/cid.js'
import { Uint64 } from '../wire/numbers.js'
import { TokenAmount } from '../wire/token-amount.js'

export const Actor = z.object({
  Code: CidJson,
  Head: CidJson,
  Nonce: orZero(Uint64, () => 0),
  Balance: TokenAmount,
  DelegatedAddress: orNull(AddressJson),
})
export type Actor = z.infer<typeof Actor>

/** `State` is the actor's own structure in JSON, which differs from actor to actor and version to version. */
export const ActorState = z.object({ Balance: TokenAmount, Code: CidJson, State: z.unknown() })
export type ActorState = z.infer<typeof ActorState>
