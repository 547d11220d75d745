import { METHODS } from '../../../rpc-schema/actors/actor-methods.js'
import { type PoStPartition, SubmitWindowedPoStParams } from '../../../rpc-schema/actors/miner-post.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import { type DevnetUnderTest, GOOD_PROOF, MINER } from './devnet-under-test.js'

/** Moves to an epoch of the next window of this deadline: 0 is its first one. */
export async function toWindow({ node, admin }: DevnetUnderTest, index: number, into = 1): Promise<void> {
  const { CurrentEpoch, PeriodStart, WPoStChallengeWindow, WPoStProvingPeriod } = await node.StateMinerProvingDeadline(
    MINER,
    [],
  )
  let target = PeriodStart + index * WPoStChallengeWindow + into
  while (target <= CurrentEpoch) target += WPoStProvingPeriod
  // What the rounds without a block did is seen from the next block on.
  if (target - CurrentEpoch > 1) await admin.NullRounds(target - CurrentEpoch - 2)
  await admin.Advance(1)
}

/** Proves partitions of the open deadline with a proof that holds, unless the changes say otherwise; the exit code. */
export async function submitWindowPost(
  test: DevnetUnderTest,
  partitions: readonly PoStPartition[],
  changes: Partial<SubmitWindowedPoStParams> = {},
): Promise<number> {
  const { Index } = await test.node.StateMinerProvingDeadline(MINER, [])
  const head = await test.node.ChainHead()
  const ChainCommitEpoch = changes.ChainCommitEpoch ?? head.Height - 1
  const ChainCommitRand = await test.node.StateGetRandomnessFromTickets(
    9,
    Math.min(ChainCommitEpoch, head.Height),
    new Uint8Array(),
    head.Cids,
  )
  const landed = await test.land({
    Method: METHODS.miner.SubmitWindowedPoSt,
    Params: SubmitWindowedPoStParams.encode({
      Deadline: Index,
      Partitions: [...partitions],
      Proofs: [{ PoStProof: 10, ProofBytes: GOOD_PROOF }],
      ChainCommitEpoch,
      ChainCommitRand,
      ...changes,
    }),
  })
  return landed.Receipt.ExitCode
}

/** A partition of which nothing is skipped. */
export const whole = (Index: number): PoStPartition => ({ Index, Skipped: Bitfield.EMPTY })
