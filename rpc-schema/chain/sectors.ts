import { z } from 'zod'
import { orNull, orZero } from '../rpc/zero-value.js'
import { CidJson } from '../wire/cid.js'
import { list } from '../wire/list.js'
import { ChainEpoch, DealId, Int64, SectorNumber, Uint64 } from '../wire/numbers.js'
import { RegisteredSealProof } from '../wire/proof-types.js'
import { TokenAmount } from '../wire/token-amount.js'

const Epoch = orZero(ChainEpoch, () => 0)
const Amount = orZero(TokenAmount, () => 0n)

/** Bits of `Flags`. */
export const SECTOR_FLAGS = { simpleQAPower: 1 } as const

/**
 * A proven sector as the miner actor keeps it. Rewards are null on sectors whose actor version does not keep them; `SectorKeyCID` is
 * the sealed CID from before a snap-up.
 */
export const SectorOnChainInfo = z.object({
  SectorNumber: SectorNumber,
  SealProof: RegisteredSealProof,
  SealedCID: CidJson,
  Activation: ChainEpoch,
  Expiration: ChainEpoch,
  DealWeight: Amount,
  VerifiedDealWeight: Amount,
  InitialPledge: Amount,
  ExpectedDayReward: orNull(TokenAmount),
  ExpectedStoragePledge: orNull(TokenAmount),
  PowerBaseEpoch: Epoch,
  ReplacedDayReward: orNull(TokenAmount),
  SectorKeyCID: orNull(CidJson),
  Flags: orZero(Int64, () => 0),
  DailyFee: Amount,
})
export type SectorOnChainInfo = z.infer<typeof SectorOnChainInfo>

/** What a pre-commit says of a sector; `SealRandEpoch` is the epoch of its ticket. */
export const SectorPreCommitInfo = z.object({
  SealProof: RegisteredSealProof,
  SectorNumber: SectorNumber,
  SealedCID: CidJson,
  SealRandEpoch: ChainEpoch,
  DealIDs: list(DealId),
  Expiration: ChainEpoch,
  UnsealedCid: orNull(CidJson),
})
export type SectorPreCommitInfo = z.infer<typeof SectorPreCommitInfo>

export const SectorPreCommitOnChainInfo = z.object({
  Info: SectorPreCommitInfo,
  PreCommitDeposit: TokenAmount,
  PreCommitEpoch: ChainEpoch,
})
export type SectorPreCommitOnChainInfo = z.infer<typeof SectorPreCommitOnChainInfo>

export const SectorLocation = z.object({ Deadline: Uint64, Partition: Uint64 })
export type SectorLocation = z.infer<typeof SectorLocation>

/** `Early` is not 0 for a faulty sector that will end before its time. */
export const SectorExpiration = z.object({ OnTime: ChainEpoch, Early: Epoch })
export type SectorExpiration = z.infer<typeof SectorExpiration>
