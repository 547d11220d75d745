import type { DeadlineConstants } from '../../../rpc-schema/wire/deadline.js'
import type { VersionRules } from '../chain/version-rules.js'
import type { ProofVerifier } from '../proofs.js'
import type { StateDraft } from '../state/state-tree.js'

/** Draws of randomness as an actor may make them: up to the epoch it runs in. */
export interface Randomness {
  fromTickets(tag: number, epoch: number, entropy: Uint8Array): Promise<Uint8Array>
  fromBeacon(tag: number, epoch: number, entropy: Uint8Array): Promise<Uint8Array>
}

/** What the messages of one tipset run in. */
export interface Machine {
  readonly epoch: number
  /** Epochs between a pre-commit and its seed. */
  readonly challengeDelay: number
  readonly deadlines: DeadlineConstants
  /** Window proofs without recovering sectors are not verified when they land; they can be disputed afterwards. */
  readonly trustsPosts: boolean
  /** Of the version of this epoch. */
  readonly rules: VersionRules
  /** attoFIL a unit of gas. */
  readonly baseFee: bigint
  readonly randomness: Randomness
  readonly verifier: ProofVerifier
}

/** One call of an actor's method. */
export interface Call {
  readonly draft: StateDraft
  readonly from: number
  readonly to: number
  readonly value: bigint
  readonly method: number
  readonly params: Uint8Array
}
