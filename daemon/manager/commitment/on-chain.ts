import type { CID } from 'multiformats/cid'
import type { SectorPreCommitOnChainInfo } from '../../../rpc-schema/chain/sectors.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import type { SectorID } from '../../../rpc-schema/wire/sector-id.js'
import type { TipSetKey } from '../../../rpc-schema/wire/tipset-key.js'
import type { ChainNode } from '../chain/chain-node.js'

/**
 * How a sector stands on the chain: nothing known of its number · pre-committed · proven (`sealedCid` of the proven replica) · its number used up by
 * something else or in the past.
 */
export type OnChain =
  | { readonly stage: 'none' }
  | { readonly stage: 'preCommitted'; readonly info: SectorPreCommitOnChainInfo }
  | { readonly stage: 'proven'; readonly sealedCid: CID }
  | { readonly stage: 'usedUp' }

export async function onChain(node: ChainNode, sid: SectorID, tsk: TipSetKey): Promise<OnChain> {
  const miner = Address.fromId(sid.Miner)
  const info = await node.api.StateSectorPreCommitInfo(miner, sid.Number, tsk)
  if (info !== null) return { stage: 'preCommitted', info }
  const proven = await node.api.StateSectorGetInfo(miner, sid.Number, tsk)
  if (proven !== null) return { stage: 'proven', sealedCid: proven.SealedCID }
  const used = await node.api.StateMinerSectorAllocated(miner, sid.Number, tsk)
  return used ? { stage: 'usedUp' } : { stage: 'none' }
}
