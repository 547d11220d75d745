import { RpcError } from '../../../../rpc-schema/rpc/error.js'
import { SealError } from '../../../../rpc-schema/seal-error.js'
import { event, IDLE, type StepContext, step } from '../../engine/plan.js'
import { baseOf } from '../../store/sector-record.js'
import { sectorSpec } from './allocate.js'
import { askForWork } from './ask-for-work.js'

/** The manager does not tell it, and nobody here needs it. */
const UNKNOWN_COMM_R = new Uint8Array(32)

/** Takes a task. One whose answer does not reach our journal is lost: the manager hands each out once. */
export const allocateUnseal = step([], async context => {
  const task = await askForWork(
    context,
    'AllocateUnsealSector',
    'if an unseal task was given out, it has to be set again',
    () => context.manager.AllocateUnsealSector({ ...sectorSpec(context.config), Upgraded: true }),
  )
  if (task === null) return IDLE
  return event('AllocatedUnsealSector', {
    base: baseOf(task.Sector),
    finalized: { public: { CommR: UNKNOWN_COMM_R }, private: { AccessInstance: task.PrivateInfo.AccessInstance } },
    phases: {
      ticket: task.Ticket,
      unseal_in: { piece_cid: task.PieceCid, comm_d: task.CommD, offset: task.Offset, size: task.Size },
    },
    sealyard: { allocating: false, unseal_upgrade: task.Upgrade ?? null },
  })
})

/** The manager answered, but with an error. */
export const isRefusal = (error: unknown): error is SealError =>
  error instanceof SealError && error.cause instanceof RpcError

/**
 * The task has failed; its sector goes back to where it was. Not by ReportAborted: that would release the deals of a sector that is
 * proven every day.
 */
export async function giveUpUnseal(context: StepContext, reason: string): Promise<void> {
  const { ID } = context.sector
  const { phases, sealyard } = context.record
  if (phases.unseal_in !== null && !sealyard.achieving) {
    try {
      await context.call(context.manager.AchieveUnsealSector(ID, phases.unseal_in.piece_cid, reason))
    } catch (error) {
      if (!isRefusal(error)) throw error
      context.log.warn(
        { err: error, sector: context.sector.ID },
        'the manager does not take the failure of the unseal task',
      )
    }
  }
  await context.call(context.manager.ReportFinalized(ID))
}
