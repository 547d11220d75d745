import {
  ON_CHAIN_STATE,
  type PollStateResp,
  SUBMIT_RESULT,
  type SubmitResp,
} from '../../../../rpc-schema/manager/commitment.js'
import { SealError } from '../../../../rpc-schema/seal-error.js'
import { ChainRefusal } from '../../engine/failure.js'
import { event, type StepContext, step } from '../../engine/plan.js'
import { clearCache } from './commit.js'
import { dropLayers } from './pre-commit.js'

/** A message that failed on the chain is handed in again after this time. */
const RESUBMIT_AFTER_MS = 30_000

export const submitPreCommit = step(['base', 'ticket', 'pc2out'], async context => {
  await dropLayers(context)
  const { comm_r, comm_d } = context.need('pc2out')
  const info = { CommR: comm_r, CommD: comm_d, Ticket: context.need('ticket') }
  const hardReset = await mayReset(context, context.record.phases.pc2_re_submit)
  checkSubmission('pre-commit', await context.call(context.manager.SubmitPreCommit(context.sector, info, hardReset)))
  return event('SubmitPC', { phases: { pc2_re_submit: false }, sealyard: { reset_sent: false } })
})

export const waitPreCommit = step(['base'], async context => {
  const end = await pollUntilSettled(context, 'pre-commit', () => context.manager.PollPreCommitState(context.sector.ID))
  if (end === 'landed') return event('CheckPC')
  return event('ReSubmitPC', { phases: { pc2_re_submit: true }, sealyard: { reset_sent: false, deposited: false } })
})

export const submitProof = step(['base', 'c2out'], async context => {
  const info = { Proof: context.need('c2out').proof }
  const hardReset = await mayReset(context, context.record.phases.c2_re_submit)
  checkSubmission('proof', await context.call(context.manager.SubmitProof(context.sector.ID, info, hardReset)))
  return event('SubmitProof', { phases: { c2_re_submit: false }, sealyard: { reset_sent: false } })
})

/** `freeDisk`: once the proof is on the chain. */
const waitProofThen = (freeDisk: (context: StepContext) => Promise<void>) =>
  step(['base'], async context => {
    if (!context.config.ignoreProofCheck) {
      const end = await pollUntilSettled(context, 'proof', () => context.manager.PollProofState(context.sector.ID))
      if (end === 'resubmit')
        return event('ReSubmitProof', { phases: { c2_re_submit: true }, sealyard: { reset_sent: false } })
    }
    await freeDisk(context)
    return event('Finish')
  })

export const waitProof = waitProofThen(clearCache)
/** For a sector whose files are not here: who has them removes them when they are no longer needed. */
export const waitProofFarFromFiles = waitProofThen(async () => {})

/**
 * Whether a submission goes out with hardReset, which makes the manager forget the message it has and send another. It is sent once
 * for each failure seen: when its answer was lost, the next try goes without, and if the manager has not heard of the first, the
 * poll will say "failed" again. So no message can be sent twice because of a lost answer or a kill.
 */
async function mayReset(context: StepContext, failed: boolean): Promise<boolean> {
  if (!failed || context.record.sealyard.reset_sent) return false
  await context.save({ sealyard: { reset_sent: true } })
  return true
}

export const because = (desc: string | null): string => (desc ? `: ${desc}` : '')

/** A refusal as an error of its class; accepted and duplicate pass. */
function checkSubmission(what: string, { Res, Desc }: SubmitResp): void {
  switch (Res) {
    case SUBMIT_RESULT.accepted:
    case SUBMIT_RESULT.duplicateSubmit:
      return
    case SUBMIT_RESULT.mismatchedSubmission:
      throw new SealError('permanent', `${what} differs from the one submitted before${because(Desc)}`)
    case SUBMIT_RESULT.rejected:
      throw new SealError('abort', `${what} rejected${because(Desc)}`)
    case SUBMIT_RESULT.filesMissed:
      throw new SealError('permanent', `${what}: the manager misses files of the sector${because(Desc)}`)
    default:
      throw new SealError('temporary', `${what}: the manager answered with result ${Res}${because(Desc)}`)
  }
}

/** Asks until the message has landed, or failed in a way that another message may mend. */
async function pollUntilSettled(
  context: StepContext,
  what: string,
  poll: () => Promise<PollStateResp>,
): Promise<'landed' | 'resubmit'> {
  for (;;) {
    const { State, Desc } = await context.call(poll())
    switch (State) {
      case ON_CHAIN_STATE.landed:
        return 'landed'
      case ON_CHAIN_STATE.pending:
      case ON_CHAIN_STATE.packed:
        await context.wait(context.config.pollingIntervalMs)
        break
      case ON_CHAIN_STATE.failed:
        context.log.warn({ desc: Desc }, `${what} message failed; handing it in again`)
        await context.wait(RESUBMIT_AFTER_MS)
        return 'resubmit'
      case ON_CHAIN_STATE.notFound:
        throw new SealError('permanent', `the manager knows of no ${what} message${because(Desc)}`)
      case ON_CHAIN_STATE.permFailed:
        throw new SealError('permanent', `${what} message failed for good${because(Desc)}`)
      case ON_CHAIN_STATE.shouldAbort:
        throw new ChainRefusal(`${what} cannot get onto the chain${because(Desc)}`)
      default:
        throw new SealError('temporary', `${what}: the manager answered with state ${State}${because(Desc)}`)
    }
  }
}
