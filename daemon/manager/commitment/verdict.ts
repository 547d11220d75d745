import { SUBMIT_RESULT, type SubmitResp } from '../../../rpc-schema/manager/commitment.js'

/**
 * What a check says of one sector:
 * `send`: it can be put into a message · `done`: the chain has it already · `refused`: it must not be sent, and what the worker is told.
 * An error that is thrown means that nothing could be found out; the same question may be asked again.
 */
export type Verdict<M> =
  | { readonly outcome: 'send'; readonly member: M }
  | { readonly outcome: 'done'; readonly why: string }
  | { readonly outcome: 'refused'; readonly answer: SubmitResp }

export const accepted = (desc: string | null = null): SubmitResp => ({ Res: SUBMIT_RESULT.accepted, Desc: desc })
export const mismatched = (desc: string | null = null): SubmitResp => ({
  Res: SUBMIT_RESULT.mismatchedSubmission,
  Desc: desc,
})
export const rejected = (desc: string): SubmitResp => ({ Res: SUBMIT_RESULT.rejected, Desc: desc })

export const refuse = <M>(answer: SubmitResp): Verdict<M> => ({ outcome: 'refused', answer })
export const done = <M>(why: string): Verdict<M> => ({ outcome: 'done', why })
