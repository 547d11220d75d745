import { SUBMIT_RESULT } from '../../../../rpc-schema/manager/commitment.js'
import { RpcError } from '../../../../rpc-schema/rpc/error.js'
import { SealError } from '../../../../rpc-schema/seal-error.js'
import { ChainRefusal } from '../../engine/failure.js'
import { event, type StepContext, step } from '../../engine/plan.js'
import { persistFiles, updateFiles } from './persist.js'
import { because } from './submission.js'

/** Times that files are persisted again because the manager does not find them; then a person has to compare the stores. */
const MAX_REPERSISTS = 3

export const persistUpdate = step(['base', 'snap_encode_out'], async context =>
  event('Persist', { phases: { persist_instance: await persistFiles(context, updateFiles) } }),
)

/** Hands the update in. From here on the manager sends the message and watches it; the worker's part ends. */
export const submitSnapUp = step(['base', 'snap_encode_out', 'snap_prov_out', 'persist_instance'], async context => {
  const answer = await submit(context)
  const { Res, Desc } = answer
  switch (Res) {
    case SUBMIT_RESULT.accepted:
    case SUBMIT_RESULT.duplicateSubmit:
      return event('Finish')
    case SUBMIT_RESULT.mismatchedSubmission:
      throw new ChainRefusal(`snap-up differs from the one submitted before${because(Desc)}`)
    case SUBMIT_RESULT.rejected:
      throw new ChainRefusal(`snap-up rejected${because(Desc)}`)
    case SUBMIT_RESULT.filesMissed:
      return persistAgain(context, Desc)
    default:
      throw new SealError('temporary', `snap-up: the manager answered with result ${Res}${because(Desc)}`)
  }
})

async function submit(context: StepContext) {
  const { comm_r_new, comm_d_new } = context.need('snap_encode_out')
  const info = {
    CommR: comm_r_new,
    CommD: comm_d_new,
    AccessInstance: context.need('persist_instance'),
    Pieces: (context.record.deals_v2 ?? []).map(deal => deal.Piece.PieceCID),
    Proof: context.need('snap_prov_out'),
  }
  try {
    return await context.call(context.manager.SubmitSnapUpProof(context.sector.ID, info))
  } catch (error) {
    if (!isJobRunning(error)) throw error
    context.log.info('the manager has this snap-up in work already')
    return { Res: SUBMIT_RESULT.duplicateSubmit, Desc: null }
  }
}

/**
 * damocles has no result for a submission that it took before, and whose answer was lost: it fails with an error that only its text
 * tells from others. By then it has stored what was submitted, which is the same again.
 */
const isJobRunning = (error: unknown): boolean =>
  error instanceof SealError && error.cause instanceof RpcError && /duplicate commit job/.test(error.cause.message)

async function persistAgain(context: StepContext, desc: string | null) {
  const repersists = context.record.sealyard.repersists + 1
  const instance = context.need('persist_instance')
  if (repersists > MAX_REPERSISTS) {
    await context.save({ sealyard: { repersists: 0 } })
    throw new SealError(
      'permanent',
      `the manager still misses files of the sector in the store ${instance} after they were persisted ${repersists} times: ` +
        `is it the same directory on both sides?${because(desc)}`,
    )
  }
  context.log.warn({ instance, desc }, 'the manager misses files of the sector: they are persisted again')
  return event('RePersist', { sealyard: { repersists, deposited: false } })
}
