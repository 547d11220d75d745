import { METHODS } from '../../rpc-schema/actors/actor-methods.js'
import { PreCommitSectorBatch2Params } from '../../rpc-schema/actors/miner-precommit.js'
import { ProveCommitSectors3Params } from '../../rpc-schema/actors/miner-prove-commit.js'
import type { lotusService } from '../../rpc-schema/chain/index.js'
import type { Client } from '../../rpc-schema/rpc/method.js'

/** How many sectors a message is about, of the methods that may take several; any other message counts as one. */
const SECTORS_IN: Readonly<Record<number, (params: Uint8Array) => number>> = {
  [METHODS.miner.PreCommitSectorBatch2]: params => PreCommitSectorBatch2Params.decode(params).Sectors.length,
  [METHODS.miner.ProveCommitSectors3]: params => ProveCommitSectors3Params.decode(params).SectorActivations.length,
}

/** For how many sectors the pool of the node holds messages of a method: those that are due at once may share one, whatever a batch needs at least. */
export async function sectorsInPool(chain: Client<typeof lotusService.methods>, method: number): Promise<number> {
  const pending = await chain.MpoolPending([])
  return pending
    .filter(({ Message }) => Message.Method === method)
    .reduce((sum, { Message }) => sum + (SECTORS_IN[method]?.(Message.Params) ?? 1), 0)
}
