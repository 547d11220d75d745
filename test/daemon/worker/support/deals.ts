import type { CID } from 'multiformats/cid'
import type { SectorPieceV2 } from '../../../../rpc-schema/manager/deals.js'
import { Address } from '../../../../rpc-schema/wire/address.js'

/** A piece of 1 KiB with a deal behind it; both ids 0 make it a filler. */
export function deal(
  cid: CID,
  ids: { DealID?: number; AllocationID?: number; IsBuiltinMarket?: boolean },
): SectorPieceV2 {
  return {
    Piece: { Size: 1_024, PieceCID: cid },
    DealInfo: {
      DealID: 0,
      PublishCid: null,
      AllocationID: 0,
      PieceCID: cid,
      PieceSize: 1_024,
      Client: Address.EMPTY,
      Provider: Address.EMPTY,
      Offset: 0,
      Length: 1_024,
      PayloadSize: 1_000,
      StartEpoch: 0,
      EndEpoch: 0,
      IsBuiltinMarket: false,
      IsCompatible: false,
      ...ids,
    },
  }
}
