import { Address } from '../../../../rpc-schema/wire/address.js'
import { type SectorID, sectorName } from '../../../../rpc-schema/wire/sector-id.js'
import type { ChainNode } from '../../chain/chain-node.js'
import type { HeadTracker } from '../../chain/head-tracker.js'
import { liveSectors } from '../../chain/live-sectors.js'
import type { SectorBook } from '../../sectors/sector-book.js'
import type { Provable } from '../provable.js'

export interface SectorLookParts {
  book: SectorBook
  node: ChainNode
  heads: HeadTracker
  facts: { info(miner: number): Promise<{ readonly WindowPoStProofType: number }> }
  provable: Pick<Provable, 'examine'>
}

/**
 * `well` · `damaged`: it could not be proven · `unknown`: its store or the node did not answer · `busy`: its files are being made anew · `not needed`: the
 * chain does not want it proven, or its files were removed
 */
export type Look =
  | { readonly is: 'well' | 'busy' | 'not needed' }
  | { readonly is: 'damaged' | 'unknown'; readonly why: string }

/** Leaves of the sealed file that are proven: rot in one place is met by chance. */
const LEAVES = 8
/** What is read on a slow disk takes seconds. */
const LIMIT_MS = 5 * 60_000

/** Looks whether one stored sector can be proven, by its files alone: they are there, as long as they have to be, and belong to what the chain has. */
export async function lookAtSector(sid: SectorID, parts: SectorLookParts): Promise<Look> {
  const { book, node, heads, facts, provable } = parts
  const found = await book.find(sid)
  if (found === undefined || found.record.Removed || found.record.AbortReason !== '') return { is: 'not needed' }
  if (found.store === 'online') return { is: 'busy' }
  const head = await heads.fresh()
  const miner = Address.fromId(sid.Miner)
  const onChain = await node.api.StateSectorGetInfo(miner, sid.Number, head.Cids)
  if (onChain === null || onChain.Expiration <= head.Height) return { is: 'not needed' }
  const info = {
    SealProof: onChain.SealProof,
    SectorNumber: sid.Number,
    SectorKey: onChain.SectorKeyCID,
    SealedCID: onChain.SealedCID,
  }
  const { WindowPoStProofType } = await facts.info(sid.Miner)
  const depth = { strict: true, stateCheck: true, leaves: LEAVES, sizesAreEnough: true }
  const { bad, unknown } = await provable.examine(sid.Miner, WindowPoStProofType, [info], depth, LIMIT_MS)
  const silent = unknown.get(sid.Number)
  if (silent !== undefined) return { is: 'unknown', why: silent }
  const why = bad.get(sid.Number)
  if (why === undefined) return { is: 'well' }
  // A sector that was ended early stays in the chain's list for a while; what became of its files concerns nobody.
  const present = await node.api.StateMinerProvingDeadline(miner, head.Cids)
  const live = await liveSectors(node, sid.Miner, [sid.Number], present, head)
  if (!live.has(sid.Number)) return { is: 'not needed' }
  // It may have been given out to be made anew meanwhile.
  if ((await book.find(sid))?.store !== 'offline') return { is: 'busy' }
  return { is: 'damaged', why: why.replace(`${sectorName(sid)}: `, '') }
}
