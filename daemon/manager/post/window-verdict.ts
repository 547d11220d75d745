import type { WindowRecord } from '../../../rpc-schema/manager/post-timeline.js'
import type { Logger } from '../../kit/log.js'
import type { Alarms } from '../alarms/alarms.js'
import { type Foresight, subjectOf } from './foresight/foresight.js'

export interface VerdictParts {
  readonly alarms: Pick<Alarms, 'raise' | 'clear'>
  readonly foresight: Pick<Foresight, 'learn'> | undefined
  readonly judged: ((record: WindowRecord) => void) | undefined
  readonly log: Pick<Logger, 'info' | 'error'>
}

/** Tells what became of a window. A miss stays an alarm until the same deadline is proven again. */
export async function tellVerdict(
  { alarms, foresight, judged, log }: VerdictParts,
  record: WindowRecord,
): Promise<void> {
  const { Miner: miner, Deadline: deadline, Open: open, Outcome: outcome, Late: late, Skipped: skipped } = record
  judged?.(record)
  const subject = subjectOf(miner, deadline)
  const afterwards = record.Steps.find(({ Step }) => Step === 'afterwards')
  if (afterwards === undefined) {
    // Alarms from afterwards on are of the next window of this deadline: they are not over with one that closed before.
    alarms.clear('pace', subject)
    await foresight?.learn(record)
  }
  // Whoever was there has been told of the sectors that were left out.
  const isGood = (outcome === 'proven' || outcome === 'nothing') && (afterwards === undefined || skipped === 0)
  const why = [outcome, ...(afterwards ? ['no manager was there', afterwards.Detail] : []), ...late].join('; ')
  if (isGood) alarms.clear('missed', subject)
  else alarms.raise('missed', subject, `opened at ${open}, ${why}`)
  const seen = afterwards === undefined ? 'is over' : 'was over before a manager was there'
  log[isGood ? 'info' : 'error']({ miner, deadline, open, outcome, late }, `deadline ${deadline} ${seen}: ${outcome}`)
}
