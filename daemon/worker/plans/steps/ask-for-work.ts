import { errorText } from '../../../../rpc-schema/seal-error.js'
import { Interrupt, ManagerUnreachable } from '../../engine/failure.js'
import type { StepContext } from '../../engine/plan.js'

/**
 * Asks the manager for a sector to work on; null: it has none. The manager's API has no way to ask for what it gave out before, so a
 * kill between its answer and our journal loses one. The journaled intent lets the next start say so, with `lost` as the consequence.
 * Who gets a sector journals `allocating: false` together with it.
 */
export async function askForWork<T>(
  context: StepContext,
  method: string,
  lost: string,
  ask: () => Promise<T | null>,
): Promise<T | null> {
  if (context.record.sealyard.allocating) {
    context.log.warn(`the worker stopped while it waited for the answer to ${method}: ${lost}`)
  }
  await context.save({ sealyard: { allocating: true } })
  const work = await askIdly(context, method, ask)
  if (work === null) await context.save({ sealyard: { allocating: false } })
  return work
}

/** A manager that answers a question for work with an error has no work; one that does not answer is another matter. */
async function askIdly<T>(context: StepContext, what: string, ask: () => Promise<T | null>): Promise<T | null> {
  try {
    return await context.call(ask())
  } catch (error) {
    if (error instanceof ManagerUnreachable || error instanceof Interrupt) throw error
    context.log.warn({ err: error }, `${what}: ${errorText(error)}`)
    return null
  }
}
