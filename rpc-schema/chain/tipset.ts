import { z } from 'zod'
import { BlockHeader } from '../wire/block-header.js'
import { list } from '../wire/list.js'
import { ChainEpoch } from '../wire/numbers.js'
import { TipSetKey } from '../wire/tipset-key.js'

/** The blocks of one height; `Cids` is its key. */
export const TipSet = z.object({ Cids: TipSetKey, Blocks: list(BlockHeader), Height: ChainEpoch })
export type TipSet = z.infer<typeof TipSet>

export const HEAD_CHANGE = { current: 'current', apply: 'apply', revert: 'revert' } as const
export const HeadChangeType = z.enum(HEAD_CHANGE)
export type HeadChangeType = z.infer<typeof HeadChangeType>

/** The first one of a subscription is `current`; `revert` undoes the tipset, newest first. */
export const HeadChange = z.object({ Type: HeadChangeType, Val: TipSet })
export type HeadChange = z.infer<typeof HeadChange>
