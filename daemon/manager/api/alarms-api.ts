import type { alarmMethods } from '../../../rpc-schema/manager/alarms.js'
import type { Handlers } from '../../../rpc-schema/rpc/method.js'
import { ALARMS } from '../alarms/alarms.js'
import type { Rooms } from './rooms.js'

/** What needs a person. */
export function alarmsApi({ alarms }: Pick<Rooms, 'alarms'>): Handlers<typeof alarmMethods> {
  return {
    Alarms: async () =>
      (await alarms.list()).map(({ kind, subject, text, since }) => ({
        Alarm: kind,
        Subject: subject,
        Text: text,
        Since: since,
        Meaning: ALARMS[kind],
      })),
  }
}
