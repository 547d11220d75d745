import type { Takeover, takeoverMethods } from '../../../rpc-schema/manager/takeover.js'
import type { Handlers } from '../../../rpc-schema/rpc/method.js'
import type { TakeoverRow } from '../takeover/takeover-repository.js'
import type { Rooms } from './rooms.js'

/** Taking over the sectors of another manager. */
export const takeoverApi = ({ takeovers }: Rooms) =>
  ({
    Takeovers: async () => (await takeovers.list()).map(wire),
    BeginTakeover: async source => wire(await takeovers.begin(source)),
    TakeOver: (source, sectors, last) => takeovers.take(source, sectors, last),
    FinishTakeover: async source => wire(await takeovers.finish(source)),
  }) satisfies Handlers<typeof takeoverMethods>

const wire = ({ source, beganAt, finishedAt }: TakeoverRow): Takeover => ({
  Source: source,
  BeganAt: beganAt,
  FinishedAt: finishedAt,
})
