import { Command } from 'commander'
import { z } from 'zod'
import { AlarmInfo } from '../../../rpc-schema/manager/alarms.js'
import { tableText } from '../../kit/terminal/table.js'
import { type SealyardClient, say } from './talk.js'

/** `util alarms`: what needs a person. */
export const alarmsCommand = (talk: (action: (manager: SealyardClient) => Promise<void>) => Promise<void>): Command =>
  new Command('alarms')
    .description('What needs a person now, the oldest first')
    .option('--json', 'as JSON', false)
    .action(({ json }: { json: boolean }) =>
      talk(async manager => {
        const alarms = await manager.Alarms()
        if (json) return say(JSON.stringify(z.encode(z.array(AlarmInfo), alarms), null, 2))
        if (alarms.length === 0) return say('no alarms')
        say(
          tableText(
            ['since', 'alarm', 'subject', 'text'],
            alarms.map(({ Since, Alarm, Subject, Text }) => [new Date(Since).toISOString(), Alarm, Subject, Text]),
          ),
        )
        const meanings = new Map(alarms.map(({ Alarm, Meaning }) => [Alarm, Meaning]))
        say([...meanings].map(([alarm, meaning]) => `${alarm}: ${meaning}`).join('\n'))
      }),
    )
