import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import { tipSetKeysEqual } from '../../../rpc-schema/wire/tipset-key.js'
import type { ChainApi } from './chain-node.js'

/** Heads that are deeper than this below the present one stay. */
export const CHAIN_FINALITY = 900

type Walk = Pick<ChainApi, 'ChainGetTipSet' | 'ChainGetTipSetByHeight'>

/**
 * The greatest height up to which two tipsets have the same chain below them, looked for no deeper than finality. A handful of questions however deep
 * the fork is.
 */
export async function forkHeight(api: Walk, one: TipSet, other: TipSet): Promise<number> {
  const top = Math.min(one.Height, other.Height)
  const bottom = Math.max(0, top - CHAIN_FINALITY - 1)
  const common = async (height: number): Promise<boolean> => {
    const [a, b] = await Promise.all([at(api, height, one), at(api, height, other)])
    return tipSetKeysEqual(a.Cids, b.Cids)
  }
  if (await common(top)) return top
  // Forks are shallow: look near the top first, then halve.
  let [low, high] = [bottom, top]
  for (let depth = 1; top - depth > bottom; depth *= 2) {
    if (await common(top - depth)) {
      low = top - depth
      break
    }
    high = top - depth
  }
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (await common(middle)) low = middle
    else high = middle
  }
  return low
}

const at = (api: Walk, height: number, head: TipSet): Promise<TipSet> =>
  height === head.Height ? Promise.resolve(head) : api.ChainGetTipSetByHeight(height, head.Cids)

export interface HeadPath {
  /** What is no longer on the chain, newest first. */
  readonly reverted: readonly TipSet[]
  /** What has come on it, oldest first; ends with the head. */
  readonly applied: readonly TipSet[]
  /** False when the gap is too wide to be walked: then both begin at what is nearest to the heads. */
  readonly complete: boolean
}

/** The longest gap that is walked, in tipsets. */
const LONGEST_WALK = CHAIN_FINALITY

/** How the chain came from one head to another. */
export async function headPath(api: Walk, from: TipSet | undefined, to: TipSet): Promise<HeadPath> {
  if (from === undefined) return { reverted: [], applied: [to], complete: true }
  const reverted: TipSet[] = []
  const applied: TipSet[] = []
  let [left, right] = [from, to]
  while (!tipSetKeysEqual(left.Cids, right.Cids)) {
    if (reverted.length + applied.length >= LONGEST_WALK || Math.max(left.Height, right.Height) === 0)
      return { reverted, applied: applied.reverse(), complete: false }
    if (right.Height >= left.Height) {
      applied.push(right)
      right = await parentOf(api, right)
    } else {
      reverted.push(left)
      left = await parentOf(api, left)
    }
  }
  return { reverted, applied: applied.reverse(), complete: true }
}

const parentOf = (api: Walk, { Blocks }: TipSet): Promise<TipSet> => api.ChainGetTipSet(Blocks[0]!.Parents)
