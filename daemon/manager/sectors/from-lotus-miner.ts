import { z } from 'zod'
import type { MinerSectorInfo, MinerSectorPiece } from '../../../rpc-schema/chain/lotus-miner.js'
import type { LegacyDealInfo } from '../../../rpc-schema/manager/deals.js'
import { SectorState } from '../../../rpc-schema/manager/sector-state.js'
import { cidToCommR } from '../../../rpc-schema/wire/cid.js'
import { SectorID } from '../../../rpc-schema/wire/sector-id.js'

/** States of a lotus-miner's machine in which a sector is finished, and whether it is one that was upgraded. */
const FINISHED: Readonly<Record<string, { upgraded: boolean }>> = {
  FinalizeSector: { upgraded: false },
  Proving: { upgraded: false },
  Available: { upgraded: false },
  FinalizeReplicaUpdate: { upgraded: true },
  UpdateActivating: { upgraded: true },
  ReleaseSectorKey: { upgraded: true },
}

/** The record of a finished sector of a lotus-miner. Throws an Error that says why one cannot be taken over. */
export function recordFromLotusMiner(id: SectorID, info: MinerSectorInfo): SectorState {
  const finished = FINISHED[info.State]
  if (finished === undefined)
    throw new Error(`its state is ${info.State || 'unknown'}, only finished sectors can be imported`)
  const { CommD, CommR } = info
  if (CommD === null) throw new Error('no comm_d')
  if (CommR === null) throw new Error('no comm_r')
  if (info.Proof.length === 0) throw new Error('no proof')
  if (info.Ticket.Value.length === 0) throw new Error('no ticket')
  if (info.Seed.Value.length === 0) throw new Error('no seed')
  // Long after its upgrade a sector is Proving again; the message of the upgrade remains.
  const upgraded = finished.upgraded || info.ReplicaUpdateMessage !== null
  const ticket = { Ticket: info.Ticket.Value, Epoch: info.Ticket.Epoch }
  const hasDeals = info.Pieces.some(({ DealInfo }) => DealInfo !== null && DealInfo.DealID !== 0)
  const empty = z.decode(SectorState, { ID: z.encode(SectorID, id), SectorType: info.SealProof })
  return {
    ...empty,
    Ticket: ticket,
    Seed: { Seed: info.Seed.Value, Epoch: info.Seed.Epoch },
    Deals: hasDeals ? legacyDeals(info.Pieces) : [],
    Pre: { CommR, CommD, Ticket: ticket },
    Proof: { Proof: info.Proof },
    MessageInfo: { PreCommitCid: info.PreCommitMsg, CommitCid: info.CommitMsg, NeedSend: false },
    Finalized: true,
    Imported: true,
    ...(upgraded && {
      Upgraded: true,
      UpgradePublic: {
        CommR: cidToCommR(CommR),
        SealedCID: CommR,
        Activation: info.Activation,
        Expiration: info.Expiration,
      },
      UpgradedInfo: { AccessInstance: '', SealedCID: null, UnsealedCID: null, Proof: new Uint8Array() },
      UpgradeMessageID: info.ReplicaUpdateMessage?.toString() ?? null,
      UpgradeLandedEpoch: 0,
    }),
  }
}

/** Pieces lie one after the other; the fillers of a lotus-miner are pieces without a deal. */
function legacyDeals(pieces: readonly MinerSectorPiece[]): LegacyDealInfo[] {
  let offset = 0
  return pieces.map(({ Piece, DealInfo }) => {
    const deal: LegacyDealInfo = {
      ID: DealInfo?.DealID ?? 0,
      PayloadSize: 0,
      Piece: { Size: Piece.Size, Offset: offset, Cid: Piece.PieceCID },
      Proposal: DealInfo?.DealProposal ?? null,
      IsCompatible: (DealInfo?.DealID ?? 0) !== 0,
    }
    offset += Piece.Size
    return deal
  })
}
