import { z } from 'zod'
import { method } from '../rpc/method.js'
import { list } from '../wire/list.js'
import { Int64 } from '../wire/numbers.js'

/** Something that needs a person. `Since`: ms since the Unix epoch. `Meaning`: of all alarms of this kind, and what can be done. */
export const AlarmInfo = z.object({
  Alarm: z.string(),
  Subject: z.string(),
  Text: z.string(),
  Since: Int64,
  Meaning: z.string(),
})
export type AlarmInfo = z.infer<typeof AlarmInfo>

export const alarmMethods = {
  Alarms: method('What needs a person now, the oldest first.', [], list(AlarmInfo)),
} as const
