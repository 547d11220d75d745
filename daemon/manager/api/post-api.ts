import type { postTimelineMethods } from '../../../rpc-schema/manager/post-timeline.js'
import type { Handlers } from '../../../rpc-schema/rpc/method.js'
import type { Rooms } from './rooms.js'

const MOST_WINDOWS = 1_000

/** What became of the proving windows. A manager without a poster on the same database tells it, too. */
export function postApi({ windowRecords }: Pick<Rooms, 'windowRecords'>): Handlers<typeof postTimelineMethods> {
  return {
    PostTimeline: (miner, limit) => windowRecords.list(miner, Math.min(limit, MOST_WINDOWS)),
  }
}
