import type { postRehearsalMethods } from '../../../rpc-schema/manager/post-rehearsal.js'
import type { postTimelineMethods } from '../../../rpc-schema/manager/post-timeline.js'
import type { Handlers } from '../../../rpc-schema/rpc/method.js'
import type { Rooms } from './rooms.js'

const MOST_WINDOWS = 1_000

type Methods = Handlers<typeof postTimelineMethods & typeof postRehearsalMethods>

/** What became of the proving windows, and what is foreseen of those that come. A manager without a poster on the same database tells it, too. */
export function postApi({
  windowRecords,
  rehearsals,
  foresight,
}: Pick<Rooms, 'windowRecords' | 'rehearsals' | 'foresight'>): Methods {
  return {
    PostTimeline: (miner, limit) => windowRecords.list(miner, Math.min(limit, MOST_WINDOWS)),
    PostRehearsals: (miner, limit) => rehearsals.list(miner, Math.min(limit, MOST_WINDOWS)),
    RehearsePost: (miner, deadline, sectors) => {
      if (foresight === undefined)
        throw new Error('this manager proves no windows: it has to be started with --poster to rehearse them')
      return foresight.byHand(miner, deadline, sectors)
    },
  }
}
