import { ProveReplicaUpdates3Params } from '../../../rpc-schema/actors/miner-replica-update.js'
import type { SectorLocation, SectorOnChainInfo } from '../../../rpc-schema/chain/sectors.js'
import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import type { SectorState, SectorUpgradedInfo } from '../../../rpc-schema/manager/sector-state.js'
import { sealProof } from '../../../rpc-schema/wire/proof-types.js'
import { sectorPieces } from '../allocation/pieces.js'
import type { ChainNode } from '../chain/chain-node.js'
import type { NetworkRules } from '../chain/network-version.js'
import type { BatchContent } from '../commitment/commit-kind.js'
import { pieceManifests } from '../commitment/piece-manifest.js'
import type { MinerSetup } from '../config/load-settings.js'

export interface UpdateParts {
  readonly setup: MinerSetup
  readonly record: SectorState
  readonly upgraded: SectorUpgradedInfo
  readonly onChain: SectorOnChainInfo
  readonly location: SectorLocation
  readonly head: TipSet
  readonly rules: NetworkRules
}

/** The message of one upgrade. With `SendFund` it carries what the pledge grows by: only verified pieces make it grow. */
export async function updateMessage(node: ChainNode, parts: UpdateParts): Promise<BatchContent> {
  const { setup, record, upgraded, location, head, rules } = parts
  const Pieces = await pieceManifests(node, sectorPieces(record), head)
  const verifiedBytes = Pieces.filter(piece => piece.VerifiedAllocationKey !== null).reduce(
    (sum, { Size }) => sum + Size,
    0,
  )
  const params = ProveReplicaUpdates3Params.encode({
    SectorUpdates: [
      {
        Sector: record.ID.Number,
        Deadline: location.Deadline,
        Partition: location.Partition,
        NewSealedCID: upgraded.SealedCID!,
        Pieces,
      },
    ],
    SectorProofs: [upgraded.Proof],
    AggregateProof: new Uint8Array(),
    UpdateProofsType: sealProof(record.SectorType).update,
    AggregateProofType: null,
    RequireActivationSuccess: setup.Sealing.RequireActivationSuccessUpdate,
    RequireNotificationSuccess: setup.Sealing.RequireNotificationSuccessUpdate,
  })
  const value = setup.SnapUp.SendFund ? await pledgeGrowth(node, parts, verifiedBytes) : 0n
  return { method: rules.methods.replicaUpdate, params, value }
}

/** attoFIL. */
async function pledgeGrowth(
  node: ChainNode,
  { record, onChain, head }: UpdateParts,
  verifiedBytes: number,
): Promise<bigint> {
  const { sectorSize } = sealProof(record.SectorType)
  const lifetime = onChain.Expiration - head.Height
  const pledge = await node.api.StateMinerInitialPledgeForSector(lifetime, sectorSize, verifiedBytes, head.Cids)
  return pledge > onChain.InitialPledge ? pledge - onChain.InitialPledge : 0n
}
