import { z } from 'zod'
import { orZero } from '../rpc/zero-value.js'
import { Bitfield, BitfieldJson } from '../wire/bitfield.js'
import { Uint64 } from '../wire/numbers.js'
import { TokenAmount } from '../wire/token-amount.js'

const Bits = orZero(BitfieldJson, () => Bitfield.EMPTY)

/** The sectors of one partition. A sector is live from its prove-commit, active from its first WindowPoSt. */
export const Partition = z.object({
  AllSectors: Bits,
  FaultySectors: Bits,
  RecoveringSectors: Bits,
  LiveSectors: Bits,
  ActiveSectors: Bits,
})
export type Partition = z.infer<typeof Partition>

/** `PostSubmissions`: partitions that have been proven in the present proving period. */
export const Deadline = z.object({
  PostSubmissions: Bits,
  DisputableProofCount: orZero(Uint64, () => 0),
  DailyFee: orZero(TokenAmount, () => 0n),
})
export type Deadline = z.infer<typeof Deadline>

export const MinerSectors = z.object({ Live: Uint64, Active: Uint64, Faulty: Uint64 })
export type MinerSectors = z.infer<typeof MinerSectors>
