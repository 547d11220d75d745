import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import type { MinerMessageConfig } from '../../../rpc-schema/manager/miner-config.js'
import type { SectorState } from '../../../rpc-schema/manager/sector-state.js'
import type { MinerSetup } from '../config/load-settings.js'
import type { MessageKind } from './chain-message.js'
import type { Verdict } from './verdict.js'

/** What a message of this kind is made of, for a batch of sectors that were judged fit. */
export interface BatchContent {
  readonly method: number
  readonly params: Uint8Array
  /** attoFIL sent along. */
  readonly value: bigint
}

/** The content of a batch; `plain` is another way to say the same, for when the chain does not take the first. */
export interface BatchChoice extends BatchContent {
  readonly plain?: BatchContent
}

/** How sectors of one kind are judged and put into messages. */
export interface CommitKind<M extends { record: SectorState }> {
  readonly name: MessageKind
  /** In words, for logs and histories. */
  readonly title: string
  /** Most sectors in one message, by the network version in force. */
  maxBatch(): Promise<number>
  settings(miner: MinerSetup): MinerMessageConfig
  /** Judges a waiting sector by the chain at `head`. Throws when that cannot be found out now. */
  judge(record: SectorState, head: TipSet): Promise<Verdict<M>>
  /** Whether a record still says what the member was judged by. */
  isSame(member: M, record: SectorState): boolean
  /** The epoch by which the sector must be on the chain, as far as the record tells. */
  mustLandBy(record: SectorState): number | undefined
  /** Sorts the members as the message needs them. */
  order(members: readonly M[]): M[]
  content(miner: MinerSetup, members: readonly M[], head: TipSet): Promise<BatchChoice>
  /** Whether one sector alone is paid by the settings of the batch, too. */
  readonly singleByBatchFees: boolean
}
