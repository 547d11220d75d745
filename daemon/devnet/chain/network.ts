import type { DeadlineConstants } from '../../../rpc-schema/wire/deadline.js'

/** What makes one devnet differ from another; fixed when its home is made. */
export interface Network {
  readonly name: string
  /** Source of every key and of all randomness. */
  readonly seed: string
  readonly miners: readonly { readonly id: number; readonly sectorSize: number }[]
  /** attoFIL that each miner begins with. */
  readonly minerBalance: bigint
  /** Height of the first block after the genesis: looking back from it must not run below 0. */
  readonly startEpoch: number
  readonly genesisTimestamp: number
  /** Seconds between two epochs by the blocks' timestamps. The chain may be told to run faster than that. */
  readonly blockDelaySecs: number
  /** Epochs from a pre-commit to its seed. */
  readonly challengeDelay: number
  /** Version of the network in its first epoch. */
  readonly version: number
  /** Shape of the proving period. */
  readonly deadlines: DeadlineConstants
  /** Window proofs are taken on trust and can be disputed, as on real networks; else each is verified when it lands. */
  readonly trustsPosts: boolean
}
