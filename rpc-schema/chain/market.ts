import { z } from 'zod'
import { channel, method, param, service } from '../rpc/method.js'
import { NoResult, orNull, orZero, Text } from '../rpc/zero-value.js'
import { Address, AddressJson } from '../wire/address.js'
import { Base64Bytes, emptyableBytes } from '../wire/bytes.js'
import { CidJson } from '../wire/cid.js'
import { list } from '../wire/list.js'
import { AllocationId, ChainEpoch, DealId, Int64, PaddedPieceSize, Uint64, UnpaddedPieceSize } from '../wire/numbers.js'
import { SectorID } from '../wire/sector-id.js'

const Size = orZero(PaddedPieceSize, () => 0)
const Epoch = orZero(ChainEpoch, () => 0)
const AnyAddress = orZero(AddressJson, () => Address.EMPTY)
const Count = orZero(Uint64, () => 0)

/**
 * Which deals a sector can take; 0 is no limit. Deals must start after `StartEpoch` and end before `EndEpoch`; Go writes "no end" as
 * 2^63−1, which a JSON number does not hold here: use `Number.MAX_SAFE_INTEGER`. `SectorExpiration` is for snap-ups.
 */
export const GetDealSpec = z.object({
  MaxPiece: orZero(Int64, () => 0),
  MaxPieceSize: Count,
  MinPiece: orZero(Int64, () => 0),
  MinPieceSize: Count,
  MinUsedSpace: Count,
  StartEpoch: Epoch,
  EndEpoch: Epoch,
  SectorExpiration: orNull(ChainEpoch),
})
export type GetDealSpec = z.infer<typeof GetDealSpec>

/**
 * A piece that the market has put into a sector. `PublishCid` set: a built-in market deal, known by `DealID`; else direct data
 * onboarding, known by `AllocationID`; both ids 0: a filler of zeros. Sizes are padded, except `PayloadSize`.
 */
export const MarketDealInfo = z.object({
  DealID: orZero(DealId, () => 0),
  PublishCid: orNull(CidJson),
  AllocationID: orZero(AllocationId, () => 0),
  PieceCID: orNull(CidJson),
  PieceSize: Size,
  Client: AnyAddress,
  Provider: AnyAddress,
  Offset: Size,
  Length: Size,
  PayloadSize: Count,
  StartEpoch: Epoch,
  EndEpoch: Epoch,
})
export type MarketDealInfo = z.infer<typeof MarketDealInfo>

/** Something that the market (or a gateway for it) asks of the manager; `Payload` is JSON. */
export const RequestEvent = z.object({
  Id: z.string(),
  Method: z.string(),
  Payload: orZero(emptyableBytes, () => new Uint8Array()),
})
export type RequestEvent = z.infer<typeof RequestEvent>

/** The answer to an event; `Payload` is JSON, `Error` empty when all is well. */
export const ResponseEvent = z.object({ Id: z.string(), Payload: Base64Bytes, Error: Text })
export type ResponseEvent = z.infer<typeof ResponseEvent>

export const MARKET_EVENT = { initConnect: 'InitConnect', sectorsUnsealPiece: 'SectorsUnsealPiece' } as const

/** The payload of a `SectorsUnsealPiece` event; offset and size in unpadded bytes. */
export const UnsealRequest = z.object({
  PieceCid: CidJson,
  Miner: AddressJson,
  Sid: SectorID.shape.Number,
  Offset: orZero(UnpaddedPieceSize, () => 0),
  Size: UnpaddedPieceSize,
  Dest: Text,
})
export type UnsealRequest = z.infer<typeof UnsealRequest>

export const MarketRegisterPolicy = z.object({ Miner: AddressJson })
export type MarketRegisterPolicy = z.infer<typeof MarketRegisterPolicy>

/** The two methods by which a market talks to a manager; a gateway has them too. */
export const marketEventMethods = {
  ListenMarketEvent: channel('Events for a miner.', [param('policy', MarketRegisterPolicy)], RequestEvent),
  ResponseMarketEvent: method('Answers an event.', [param('response', ResponseEvent)], NoResult),
} as const

const miner = param('miner', AddressJson)

/** What Sealyard uses of a Venus market (`/rpc/v1`). */
export const marketService = service('VENUS_MARKET', {
  AssignDeals: method(
    'Gives deals to a sector, with fillers, in the order of the sector; the market keeps them for it until they are released.',
    [param('sector', SectorID), param('sectorSize', Uint64), param('spec', GetDealSpec)],
    list(MarketDealInfo),
    { permission: 'write' },
  ),
  ReleaseDeals: method('Gives built-in market deals back.', [miner, param('dealIds', list(DealId))], NoResult, {
    permission: 'write',
  }),
  ReleaseDirectDeals: method(
    'Gives direct onboarding deals back.',
    [miner, param('allocationIds', list(AllocationId))],
    NoResult,
    { permission: 'write' },
  ),
  ...marketEventMethods,
})
