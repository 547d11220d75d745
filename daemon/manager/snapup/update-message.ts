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

/** One upgrade that is ready to be sent. */
export interface ReadyUpdate {
  readonly record: SectorState
  readonly upgraded: SectorUpgradedInfo
  readonly onChain: SectorOnChainInfo
  readonly location: SectorLocation
}

export interface UpdateParts {
  readonly setup: MinerSetup
  readonly head: TipSet
  readonly rules: NetworkRules
}

/** The message of upgrades of one miner and one proof type. With `SendFund` it carries what the pledges grow by: only verified pieces make them grow. */
export async function updateMessage(
  node: ChainNode,
  updates: readonly ReadyUpdate[],
  { setup, head, rules }: UpdateParts,
): Promise<BatchContent> {
  const SectorUpdates = await Promise.all(
    updates.map(async ({ record, upgraded, location }) => ({
      Sector: record.ID.Number,
      Deadline: location.Deadline,
      Partition: location.Partition,
      NewSealedCID: upgraded.SealedCID!,
      Pieces: await pieceManifests(node, sectorPieces(record), head),
    })),
  )
  const params = ProveReplicaUpdates3Params.encode({
    SectorUpdates,
    SectorProofs: updates.map(({ upgraded }) => upgraded.Proof),
    AggregateProof: new Uint8Array(),
    UpdateProofsType: updateProofOf(updates[0]!),
    AggregateProofType: null,
    RequireActivationSuccess: setup.Sealing.RequireActivationSuccessUpdate,
    RequireNotificationSuccess: setup.Sealing.RequireNotificationSuccessUpdate,
  })
  let value = 0n
  if (setup.SnapUp.SendFund)
    for (const [index, { Pieces }] of SectorUpdates.entries()) {
      const verified = Pieces.filter(piece => piece.VerifiedAllocationKey !== null)
      const verifiedBytes = verified.reduce((sum, { Size }) => sum + Size, 0)
      value += await pledgeGrowth(node, updates[index]!, head, verifiedBytes)
    }
  return { method: rules.methods.replicaUpdate, params, value }
}

/** Of all updates in one message. */
export const updateProofOf = ({ record }: ReadyUpdate): number => sealProof(record.SectorType).update

/** attoFIL. */
async function pledgeGrowth(
  node: ChainNode,
  { record, onChain }: ReadyUpdate,
  head: TipSet,
  verifiedBytes: number,
): Promise<bigint> {
  const { sectorSize } = sealProof(record.SectorType)
  const lifetime = onChain.Expiration - head.Height
  const pledge = await node.api.StateMinerInitialPledgeForSector(lifetime, sectorSize, verifiedBytes, head.Cids)
  return pledge > onChain.InitialPledge ? pledge - onChain.InitialPledge : 0n
}
