import type { MinerPoStConfig } from '../../../rpc-schema/manager/miner-config.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import type { ChainNode } from '../chain/chain-node.js'
import type { HeadTracker } from '../chain/head-tracker.js'
import type { MinerFacts } from '../chain/miner-facts.js'
import type { Randomness } from '../chain/randomness.js'
import type { Sending } from '../commitment/sending.js'
import type { Provable } from '../storage/provable.js'
import type { PartitionClaims } from './partition-claims.js'
import type { SubmissionRepository } from './submission-repository.js'
import type { WindowProver } from './window-prover.js'
import type { WindowRecords } from './window-record.js'
import type { WindowVerifier } from './window-verifier.js'

/** What the parts of the poster need, and may not have more of. */
export interface PosterParts {
  readonly node: ChainNode
  readonly heads: HeadTracker
  readonly facts: MinerFacts
  readonly randomness: Randomness
  readonly provable: Pick<Provable, 'examine'>
  readonly prover: WindowProver
  readonly verifier: WindowVerifier
  readonly sending: Sending
  readonly claims: PartitionClaims
  readonly submissions: SubmissionRepository
  readonly records: WindowRecords
  readonly clock: Clock
  readonly log: Logger
  /** Settings of a miner as they are now. */
  settings(miner: number): MinerPoStConfig
  /** Something has changed: the poster looks at everything again, without waiting for the next head. */
  wake(): void
}

/** Milliseconds of an epoch: as seen, else as the network says. */
export async function epochMs({ heads, node }: Pick<PosterParts, 'heads' | 'node'>): Promise<number> {
  return heads.epochMs() ?? (await node.params()).BlockDelaySecs * 1_000
}
