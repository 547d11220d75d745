import { Command } from 'commander'
import { z } from 'zod'
import { WindowRecord, type WindowStep } from '../../../rpc-schema/manager/post-timeline.js'
import { tableText } from '../../kit/terminal/table.js'
import { minerArgument, numberArgument } from './arguments.js'
import { type SealyardClient, say } from './talk.js'

type TalkSealyard = (action: (manager: SealyardClient) => Promise<void>) => Promise<void>

/** The steps of a window that have a column of their own. */
const COLUMNS = ['head', 'challenge', 'checked', 'read', 'proven', 'sent', 'landed'] as const

const epochOf = ({ Steps, Open }: WindowRecord, name: WindowStep['Step']): string => {
  const last = Steps.findLast(({ Step }) => Step === name)
  return last === undefined ? '-' : signed(last.Epoch - Open)
}
const signed = (epochs: number): string => (epochs < 0 ? String(epochs) : `+${epochs}`)

/** `util post`: what became of the proving windows. */
export function postCommand(talk: TalkSealyard): Command {
  const post = new Command('post').description('Proving windows (with --poster)')
  post
    .command('timeline')
    .description(
      'What happened in the last windows, the newest first; each step as the epoch of the last time it was taken, counted from the opening of the window',
    )
    .option('--miner <actor>', 'only windows of this miner', minerArgument)
    .option('--limit <n>', 'so many windows', numberArgument, 20)
    .option('--steps', 'every step with its time', false)
    .option('--json', 'as JSON', false)
    .action(({ miner, limit, steps, json }: { miner?: number; limit: number; steps: boolean; json: boolean }) =>
      talk(async manager => {
        const windows = await manager.PostTimeline(miner ?? null, limit)
        if (json)
          return say(
            JSON.stringify(
              windows.map(window => z.encode(WindowRecord, window)),
              null,
              2,
            ),
          )
        if (windows.length === 0) return say('nothing')
        say(
          tableText(
            ['miner', 'deadline', 'open', 'close', 'outcome', 'partitions', 'skipped', ...COLUMNS, 'late'],
            windows.map(window => [
              `f0${window.Miner}`,
              String(window.Deadline),
              String(window.Open),
              signed(window.Close - window.Open),
              window.Outcome,
              String(window.Partitions),
              String(window.Skipped),
              ...COLUMNS.map(name => epochOf(window, name)),
              window.Late.join('; '),
            ]),
          ),
        )
        if (steps) for (const window of windows) say(stepsText(window))
      }),
    )
  return post
}

const stepsText = ({ Miner, Deadline, Open, Steps }: WindowRecord): string =>
  [
    `\nf0${Miner} deadline ${Deadline}, open at ${Open}`,
    ...Steps.map(
      ({ Step, At, Epoch, Detail }) =>
        `  ${new Date(At).toISOString()}  ${signed(Epoch - Open).padStart(5)}  ${Step.padEnd(8)}  ${Detail}`,
    ),
  ].join('\n')
