import { Command } from 'commander'
import { z } from 'zod'
import { RebuildQueueEntry, SnapUpJobInfo, UnsealTaskInfo } from '../../../rpc-schema/manager/work-queues.js'
import { sectorName } from '../../../rpc-schema/wire/sector-id.js'
import { tableText } from '../../kit/terminal/table.js'
import { type SealyardClient, say } from './talk.js'

type TalkSealyard = (action: (manager: SealyardClient) => Promise<void>) => Promise<void>

const time = (ms: number | null): string => (ms === null || ms === 0 ? '-' : new Date(ms).toISOString())
const worker = (takenAt: number | null, name: string | null): string => (takenAt === null ? 'waits' : (name ?? '?'))

/** `util sealer queue`: upgrades, rebuilds and unseal tasks as they stand. */
export function queueCommand(talk: TalkSealyard): Command {
  const queue = new Command('queue').description('Work on proven sectors, as it stands')
  const listing = <S extends z.ZodType>(
    name: string,
    description: string,
    schema: S,
    read: (manager: SealyardClient) => Promise<z.output<S>[]>,
    header: readonly string[],
    row: (entry: z.output<S>) => string[],
  ): void => {
    queue
      .command(name)
      .description(description)
      .option('--json', 'as JSON', false)
      .action((options: { json: boolean }) =>
        talk(async manager => {
          const entries = await read(manager)
          if (options.json)
            return say(
              JSON.stringify(
                entries.map(entry => z.encode(schema, entry)),
                null,
                2,
              ),
            )
          say(entries.length === 0 ? 'nothing' : tableText([...header], entries.map(row)))
        }),
      )
  }
  listing(
    'snapup',
    'The upgrades that are on their way',
    SnapUpJobInfo,
    manager => manager.SnapUpJobs(),
    ['sector', 'state', 'attempts', 'next look', 'note'],
    job => [sectorName(job.Sector), job.State, String(job.Attempts), time(job.NextAt), job.Note],
  )
  listing(
    'rebuild',
    'The sectors that are to be rebuilt',
    RebuildQueueEntry,
    manager => manager.RebuildQueue(),
    ['sector', 'worker', 'since', 'given up'],
    entry => [
      sectorName(entry.Sector),
      worker(entry.TakenAt, entry.Worker),
      time(entry.TakenAt),
      `${entry.Failures} times`,
    ],
  )
  listing(
    'unseal',
    'The pieces that are to be read back',
    UnsealTaskInfo,
    manager => manager.UnsealTasks(),
    ['sector', 'piece', 'state', 'worker', 'destinations', 'note'],
    task => [
      sectorName(task.Sector),
      task.PieceCid.toString(),
      task.State,
      worker(task.TakenAt, task.Worker),
      task.Dest.join(' '),
      task.Error || task.Note,
    ],
  )
  return queue
}
