import { z } from 'zod'
import { Bool, orNull, orZero } from '../rpc/zero-value.js'
import { Base64Bytes, Commitment, emptyableBytes } from '../wire/bytes.js'
import { CidJson } from '../wire/cid.js'
import { ChainEpoch, Int64 } from '../wire/numbers.js'

/** 32 bytes, or none in the records of sectors that came from elsewhere. */
const Randomness = emptyableBytes.refine(
  bytes => bytes.length === 32 || bytes.length === 0,
  'expected 32 bytes of randomness',
)

/** The seal randomness (32 bytes) and the epoch whose ticket it was drawn from. */
export const Ticket = z.object({ Ticket: Randomness, Epoch: ChainEpoch })
export type Ticket = z.infer<typeof Ticket>

/** The interactive seed (32 bytes) and the epoch whose beacon it was drawn from. */
export const Seed = z.object({ Seed: Randomness, Epoch: ChainEpoch })
export type Seed = z.infer<typeof Seed>

/** The result of PC2, with the ticket it was made with. */
export const PreCommitOnChainInfo = z.object({
  CommR: Commitment,
  CommD: Commitment,
  Ticket: Ticket.refine(({ Ticket }) => Ticket.length === 32, 'expected a ticket of 32 bytes'),
})
export type PreCommitOnChainInfo = z.infer<typeof PreCommitOnChainInfo>

/** The seal proof: 192 bytes a partition, 10 partitions for 32 and 64 GiB. */
export const ProofOnChainInfo = z.object({ Proof: Base64Bytes })
export type ProofOnChainInfo = z.infer<typeof ProofOnChainInfo>

export const SUBMIT_RESULT = {
  unknown: 0,
  accepted: 1,
  duplicateSubmit: 2,
  mismatchedSubmission: 3,
  rejected: 4,
  filesMissed: 5,
} as const
export const SubmitResult = z.literal(Object.values(SUBMIT_RESULT))
export type SubmitResult = z.infer<typeof SubmitResult>

export const ON_CHAIN_STATE = {
  unknown: 0,
  pending: 1,
  packed: 2,
  landed: 3,
  notFound: 4,
  failed: 5,
  permFailed: 6,
  shouldAbort: 7,
} as const
export const OnChainState = z.literal(Object.values(ON_CHAIN_STATE))
export type OnChainState = z.infer<typeof OnChainState>

/** The answer to SubmitPreCommit, SubmitProof, SubmitSnapUpProof and TerminateSector: a refusal is not an error. */
export const SubmitResp = z.object({ Res: SubmitResult, Desc: orNull(z.string()) })
export type SubmitResp = z.infer<typeof SubmitResp>

/** The answer to PollPreCommitState and PollProofState. */
export const PollStateResp = z.object({ State: OnChainState, Desc: orNull(z.string()) })
export type PollStateResp = z.infer<typeof PollStateResp>

/** `Delay` in seconds; `Seed` once it is there. */
export const WaitSeedResp = z.object({ ShouldWait: Bool, Delay: orZero(Int64, () => 0), Seed: orNull(Seed) })
export type WaitSeedResp = z.infer<typeof WaitSeedResp>

/** The two messages of a sector. The CIDs are the uids under which they were handed to the messager, not chain CIDs. */
export const MessageInfo = z.object({ PreCommitCid: orNull(CidJson), CommitCid: orNull(CidJson), NeedSend: Bool })
export type MessageInfo = z.infer<typeof MessageInfo>

/** `AddedHeight` > 0: requested; `TerminateCid`: sent (a message uid); `TerminatedAt` > 0: landed. */
export const TerminateInfo = z.object({
  TerminateCid: orNull(CidJson),
  TerminatedAt: orZero(ChainEpoch, () => 0),
  AddedHeight: orZero(ChainEpoch, () => 0),
})
export type TerminateInfo = z.infer<typeof TerminateInfo>
