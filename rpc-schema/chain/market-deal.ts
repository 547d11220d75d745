import { z } from 'zod'
import { Bool, orZero, Text } from '../rpc/zero-value.js'
import { AddressJson } from '../wire/address.js'
import { CidJson } from '../wire/cid.js'
import { ChainEpoch, PaddedPieceSize, SectorNumber } from '../wire/numbers.js'
import { TokenAmount } from '../wire/token-amount.js'

export const DealProposal = z.object({
  PieceCID: CidJson,
  PieceSize: PaddedPieceSize,
  VerifiedDeal: Bool,
  Client: AddressJson,
  Provider: AddressJson,
  Label: Text,
  StartEpoch: ChainEpoch,
  EndEpoch: ChainEpoch,
  StoragePricePerEpoch: TokenAmount,
  ProviderCollateral: TokenAmount,
  ClientCollateral: TokenAmount,
})
export type DealProposal = z.infer<typeof DealProposal>

/** Epochs are −1 for what has not happened. */
export const MarketDealState = z.object({
  SectorNumber: orZero(SectorNumber, () => 0),
  SectorStartEpoch: ChainEpoch,
  LastUpdatedEpoch: ChainEpoch,
  SlashEpoch: ChainEpoch,
})
export type MarketDealState = z.infer<typeof MarketDealState>

/** A published deal of the built-in market. */
export const MarketDeal = z.object({ Proposal: DealProposal, State: MarketDealState })
export type MarketDeal = z.infer<typeof MarketDeal>

export const MarketBalance = z.object({ Escrow: TokenAmount, Locked: TokenAmount })
export type MarketBalance = z.infer<typeof MarketBalance>

export const DealCollateralBounds = z.object({ Min: TokenAmount, Max: TokenAmount })
export type DealCollateralBounds = z.infer<typeof DealCollateralBounds>
