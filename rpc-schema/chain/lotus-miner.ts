import { z } from 'zod'
import { method, param, service } from '../rpc/method.js'
import { orNull, orZero, Text } from '../rpc/zero-value.js'
import { AddressJson } from '../wire/address.js'
import { emptyableBytes } from '../wire/bytes.js'
import { CidJson } from '../wire/cid.js'
import { list } from '../wire/list.js'
import { ChainEpoch, DealId, SectorNumber } from '../wire/numbers.js'
import { PieceInfo } from '../wire/piece.js'
import { RegisteredSealProof } from '../wire/proof-types.js'
import { DealProposal } from './market-deal.js'

const Epoch = orZero(ChainEpoch, () => 0)

const SealRandomness = orZero(z.object({ Value: emptyableBytes, Epoch }), () => ({ Value: new Uint8Array(), Epoch: 0 }))

/** A piece of a sector of a lotus-miner; without deal info a filler. */
export const MinerSectorPiece = z.object({
  Piece: PieceInfo,
  DealInfo: orNull(
    z.object({ PublishCid: orNull(CidJson), DealID: orZero(DealId, () => 0), DealProposal: orNull(DealProposal) }),
  ),
})
export type MinerSectorPiece = z.infer<typeof MinerSectorPiece>

/** What a lotus-miner knows of a sector; `State` is the name in its own state machine (`Proving`, …). */
export const MinerSectorInfo = z.object({
  SectorID: SectorNumber,
  State: Text,
  CommD: orNull(CidJson),
  CommR: orNull(CidJson),
  Proof: emptyableBytes,
  Deals: list(DealId),
  Pieces: list(MinerSectorPiece),
  Ticket: SealRandomness,
  Seed: SealRandomness,
  PreCommitMsg: orNull(CidJson),
  CommitMsg: orNull(CidJson),
  ReplicaUpdateMessage: orNull(CidJson),
  SealProof: orZero(RegisteredSealProof, () => 0),
  Activation: Epoch,
  Expiration: Epoch,
})
export type MinerSectorInfo = z.infer<typeof MinerSectorInfo>

/** What an import reads from a lotus-miner (`/rpc/v0`). */
export const lotusMinerService = service('Filecoin', {
  ActorAddress: method('The miner.', [], AddressJson),
  SectorsList: method('The numbers of its sectors.', [], list(SectorNumber)),
  SectorsStatus: method(
    'A sector, with its state on the chain if asked for.',
    [param('sector', SectorNumber), param('showOnChainInfo', z.boolean())],
    MinerSectorInfo,
  ),
})
