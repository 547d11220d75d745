import { Command } from 'commander'
import { z } from 'zod'
import type { PostRehearsal } from '../../../rpc-schema/manager/post-rehearsal.js'
import { WindowRecord, type WindowStep } from '../../../rpc-schema/manager/post-timeline.js'
import { systemClock } from '../../kit/clock.js'
import { tableText } from '../../kit/terminal/table.js'
import { minerArgument, numberArgument } from './arguments.js'
import { rehearsalDetails, rehearsalsJson, rehearsalsTable } from './rehearsal-text.js'
import { type SealyardClient, say } from './talk.js'

type TalkSealyard = (action: (manager: SealyardClient) => Promise<void>) => Promise<void>

/** The steps of a window that have a column of their own. */
const COLUMNS = ['head', 'challenge', 'checked', 'read', 'proven', 'sent', 'landed'] as const

const epochOf = ({ Steps, Open }: WindowRecord, name: WindowStep['Step']): string => {
  const last = Steps.findLast(({ Step }) => Step === name)
  return last === undefined ? '-' : signed(last.Epoch - Open)
}
/** What the chain told later of a window for which no manager was there is marked. */
const outcomeText = ({ Outcome, Steps }: WindowRecord): string =>
  Steps.some(({ Step }) => Step === 'afterwards') ? `${Outcome} (seen afterwards)` : Outcome
const signed = (epochs: number): string => (epochs < 0 ? String(epochs) : `+${epochs}`)

/** `util post`: what became of the proving windows, and what is foreseen of those that come. */
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
              outcomeText(window),
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
  post
    .command('rehearsals')
    .description(
      'What trials before deadlines have shown, the newest first: the time that a window needs, and that there is',
    )
    .option('--miner <actor>', 'only of this miner', minerArgument)
    .option('--limit <n>', 'so many', numberArgument, 20)
    .option('--json', 'as JSON', false)
    .action(({ miner, limit, json }: { miner?: number; limit: number; json: boolean }) =>
      talk(async manager => {
        const trials = await manager.PostRehearsals(miner ?? null, limit)
        if (json) return say(rehearsalsJson(trials))
        say(trials.length === 0 ? 'nothing' : rehearsalsTable(trials))
      }),
    )
  post
    .command('rehearse')
    .description(
      'Read sectors of a deadline for trial, as they are read for its proofs, and tell how long those will take',
    )
    .requiredOption('--miner <actor>', 'the miner', minerArgument)
    .option('--deadline <index>', 'default: the next one', numberArgument)
    .option('--sectors <n>', 'so many of each partition', numberArgument, 20)
    .option('--all', 'every sector', false)
    .option('--json', 'as JSON', false)
    .action(
      ({ miner, deadline, sectors, all, json }: RehearseOptions): Promise<void> =>
        talk(async manager => {
          const begun = await manager.RehearsePost(miner, deadline ?? null, all ? 0 : sectors)
          const done = await outcomeOf(manager, begun)
          if (json) return say(rehearsalsJson([done]))
          say(`${rehearsalsTable([done])}\n${rehearsalDetails(done)}`)
          if (done.Verdict === 'failed') throw new Error(`the rehearsal failed: ${done.Error}`)
        }),
    )
  return post
}

interface RehearseOptions {
  miner: number
  deadline?: number
  sectors: number
  all: boolean
  json: boolean
}

const LOOK_MS = 500

async function outcomeOf(manager: SealyardClient, { Miner, Open, Serial }: PostRehearsal): Promise<PostRehearsal> {
  for (;;) {
    const trials = await manager.PostRehearsals(Miner, 100)
    const found = trials.find(trial => trial.Open === Open && trial.Serial === Serial)
    if (found === undefined) throw new Error('the manager knows nothing of this rehearsal any more')
    if (found.Verdict !== 'running') return found
    await systemClock.sleep(LOOK_MS)
  }
}

const stepsText = ({ Miner, Deadline, Open, Steps }: WindowRecord): string =>
  [
    `\nf0${Miner} deadline ${Deadline}, open at ${Open}`,
    ...Steps.map(
      ({ Step, At, Epoch, Detail }) =>
        `  ${new Date(At).toISOString()}  ${signed(Epoch - Open).padStart(5)}  ${Step.padEnd(8)}  ${Detail}`,
    ),
  ].join('\n')
