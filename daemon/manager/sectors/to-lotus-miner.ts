import { CID } from 'multiformats/cid'
import type { LotusMinerPiece, LotusMinerRecord } from '../../../rpc-schema/chain/lotus-miner-record.js'
import type { DealInfoV2, LegacyDealInfo, SectorPieceV2 } from '../../../rpc-schema/manager/deals.js'
import type { SectorState } from '../../../rpc-schema/manager/sector-state.js'
import { bytesEqual } from '../../../rpc-schema/wire/bytes.js'
import { cidToCommD } from '../../../rpc-schema/wire/cid.js'
import { zeroPieceCommitment } from '../../../rpc-schema/wire/piece.js'
import { sealProof } from '../../../rpc-schema/wire/proof-types.js'

/** What damocles writes where a deal's publish message is not known. A lotus-miner takes a piece without one for direct onboarding. */
const UNKNOWN_PUBLISH_MESSAGE = CID.parse('bafy2bzacebp3shtrn43k7g3unredz7fxn4gj533d3o43tqn2p2ipxxhrvchve')

type DealInfo = NonNullable<LotusMinerPiece['DealInfo']>

/** Why a finished record is none that a lotus-miner should have; undefined when it should. */
export function whyNotExported(record: SectorState): string | undefined {
  if (record.AbortReason !== '') return 'it was aborted'
  if (!record.Finalized) return 'it is not finished'
  if (record.NeedRebuild) return 'it is to be rebuilt'
  if (record.TerminateInfo.TerminateCid !== null || record.TerminateInfo.TerminatedAt > 0) return 'it was terminated'
  return undefined
}

/** The record of a finished sector as a lotus-miner keeps it. Throws an Error that says what such a record would lack. */
export function lotusMinerRecord(record: SectorState): LotusMinerRecord {
  const { ID, Pre, Proof, Ticket, Seed, MessageInfo, Upgraded, UpgradedInfo } = record
  if (Pre === null || Pre === undefined) throw new Error('no comm_d and comm_r')
  if (!Proof || Proof.Proof.length === 0) throw new Error('no proof')
  if (!Ticket || Ticket.Ticket.length === 0) throw new Error('no ticket')
  if (!Seed || Seed.Seed.length === 0) throw new Error('no seed')
  if (Upgraded && (!UpgradedInfo?.SealedCID || !UpgradedInfo.UnsealedCID))
    throw new Error('it was upgraded before it was imported: comm_d and comm_r of its upgrade are not known')
  return {
    State: 'Proving',
    SectorNumber: ID.Number,
    SectorType: record.SectorType,
    CreationTime: 0,
    Pieces: pieces(record),
    TicketValue: Ticket.Ticket,
    TicketEpoch: Ticket.Epoch,
    PreCommit1Out: NONE,
    CommD: Pre.CommD,
    CommR: Pre.CommR,
    Proof: Proof.Proof,
    PreCommitDeposit: 0n,
    PreCommitMessage: MessageInfo.PreCommitCid,
    PreCommitTipSet: NONE,
    PreCommit2Fails: 0,
    SeedValue: Seed.Seed,
    SeedEpoch: Seed.Epoch,
    CommitMessage: MessageInfo.CommitCid,
    InvalidProofs: 0,
    CCUpdate: Upgraded,
    CCPieces: Upgraded ? committedCapacity(record) : [],
    UpdateSealed: (Upgraded && UpgradedInfo?.SealedCID) || null,
    UpdateUnsealed: (Upgraded && UpgradedInfo?.UnsealedCID) || null,
    ReplicaUpdateProof: (Upgraded && UpgradedInfo?.Proof) || NONE,
    ReplicaUpdateMessage: Upgraded ? messageCid(record.UpgradeMessageID) : null,
    FaultReportMsg: null,
    Return: '',
    TerminateMessage: null,
    TerminatedAt: 0,
    LastErr: '',
  }
}

const NONE = new Uint8Array()

/** Ids of messages are CIDs, except of messagers that give others. */
function messageCid(id: string | null): CID | null {
  try {
    return id === null ? null : CID.parse(id)
  } catch {
    return null
  }
}

function pieces(record: SectorState): LotusMinerPiece[] {
  const { Pieces, Deals, Upgraded } = record
  if (Pieces !== null && Pieces.length > 0) return Pieces.map(piece)
  if (Deals !== null && Deals.length > 0) return Deals.map(legacyPiece)
  return Upgraded ? [] : committedCapacity(record)
}

/** A lotus-miner has one piece of zeros in a sector without deals, and upgrades none that has not. */
function committedCapacity({ SectorType, Pre }: SectorState): LotusMinerPiece[] {
  const Size = sealProof(SectorType).sectorSize
  if (!Pre || !bytesEqual(cidToCommD(Pre.CommD), zeroPieceCommitment(Size))) return []
  return [{ Piece: { Size, PieceCID: Pre.CommD }, DealInfo: null }]
}

/** Deals of the built-in market have no proposal here: a lotus-miner stops at such a piece. */
function piece({ Piece, DealInfo }: SectorPieceV2): LotusMinerPiece {
  if (DealInfo === null || (DealInfo.DealID === 0 && DealInfo.AllocationID === 0 && DealInfo.EndEpoch === 0))
    return { Piece, DealInfo: null }
  if (DealInfo.IsBuiltinMarket || DealInfo.DealID !== 0 || DealInfo.PublishCid !== null)
    throw new Error(`the proposal of its deal ${DealInfo.DealID} is not known, and a lotus-miner needs it`)
  return { Piece, DealInfo: onboarded(Piece, DealInfo) }
}

const onboarded = (Piece: SectorPieceV2['Piece'], deal: DealInfoV2): DealInfo => ({
  PublishCid: null,
  DealID: 0,
  DealProposal: null,
  DealSchedule: { StartEpoch: deal.StartEpoch, EndEpoch: deal.EndEpoch },
  PieceActivationManifest: {
    CID: Piece.PieceCID,
    Size: Piece.Size,
    VerifiedAllocationKey: deal.AllocationID === 0 ? null : { Client: clientId(deal), ID: deal.AllocationID },
    Notify: [],
  },
  KeepUnsealed: false,
})

function clientId({ Client, AllocationID }: DealInfoV2): number {
  try {
    return Client.id
  } catch {
    throw new Error(`the client of its allocation ${AllocationID} is ${Client}, and a lotus-miner needs the actor id`)
  }
}

function legacyPiece({ ID, Piece, Proposal }: LegacyDealInfo): LotusMinerPiece {
  const info = { Size: Piece.Size, PieceCID: Piece.Cid }
  if (ID === 0) return { Piece: info, DealInfo: null }
  if (Proposal === null) throw new Error(`the proposal of its deal ${ID} is not known, and a lotus-miner needs it`)
  return {
    Piece: info,
    DealInfo: {
      PublishCid: UNKNOWN_PUBLISH_MESSAGE,
      DealID: ID,
      DealProposal: Proposal,
      DealSchedule: { StartEpoch: Proposal.StartEpoch, EndEpoch: Proposal.EndEpoch },
      PieceActivationManifest: null,
      KeepUnsealed: false,
    },
  }
}
