import { z } from 'zod'
import { Bool } from '../rpc/zero-value.js'
import { TokenAmount } from '../wire/token-amount.js'

/** Bytes as big numbers. */
export const Claim = z.object({ RawBytePower: TokenAmount, QualityAdjPower: TokenAmount })
export type Claim = z.infer<typeof Claim>

export const MinerPower = z.object({ MinerPower: Claim, TotalPower: Claim, HasMinPower: Bool })
export type MinerPower = z.infer<typeof MinerPower>

/** attoFIL. */
export const CirculatingSupply = z.object({
  FilVested: TokenAmount,
  FilMined: TokenAmount,
  FilBurnt: TokenAmount,
  FilLocked: TokenAmount,
  FilCirculating: TokenAmount,
  FilReserveDisbursed: TokenAmount,
})
export type CirculatingSupply = z.infer<typeof CirculatingSupply>
