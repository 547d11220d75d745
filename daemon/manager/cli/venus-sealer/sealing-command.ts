import { Command } from 'commander'
import { z } from 'zod'
import {
  type PledgesExplanation,
  StageExplanation,
  type StageTaskInfo,
  type StageWorkerInfo,
  StageTaskInfo as TaskSchema,
  StageWorkerInfo as WorkerSchema,
} from '../../../../rpc-schema/manager/stages.js'
import { type SectorID, sectorName } from '../../../../rpc-schema/wire/sector-id.js'
import { formatByteSize } from '../../../kit/config/byte-size.js'
import { formatElapsed } from '../../../kit/config/duration.js'
import { tableText } from '../../../kit/terminal/table.js'
import { type SealyardClient, say, type Talk } from '../talk.js'
import { threadWork, threadWorkText } from './thread-work.js'

interface Json {
  json: boolean
}

const sayAll = <S extends z.ZodType>(schema: S, entries: readonly z.output<S>[]): void =>
  say(
    JSON.stringify(
      entries.map(entry => z.encode(schema, entry)),
      null,
      2,
    ),
  )

const since = (ms: number): string => (ms === 0 ? '-' : formatElapsed(Math.max(0, Date.now() - ms)))

/** `sealing`: the tasks of stage workers, the workers, and why a task waits. */
export function sealingCommand(talk: Talk, minerOf: () => number): Command {
  const sealing = new Command('sealing').description('Stages of sealing, and who does them')
  sealing
    .command('jobs')
    .description('The tasks that are not done: who is at them, how many have failed')
    .option('--json', 'as JSON', false)
    .action(({ json }: Json) =>
      talk(async (_, own) => {
        const tasks = await own.StageTasks()
        if (json) return sayAll(TaskSchema, tasks)
        say(tasks.length === 0 ? 'nothing is being sealed by stage workers' : jobsText(tasks))
      }),
    )
  sealing
    .command('workers')
    .description('The stage workers: what they do, what they have, what they are at')
    .option('--json', 'as JSON', false)
    .action(({ json }: Json) =>
      talk(async (_, own) => {
        const workers = await own.StageWorkers()
        if (json) return sayAll(WorkerSchema, workers)
        say(workers.length === 0 ? 'no stage worker has been heard of' : workers.map(workerText).join('\n\n'))
      }),
    )
  sealing
    .command('sched-diag')
    .alias('explain')
    .description('Why each waiting task waits, in a sentence, and what would change that')
    .argument(
      '[task]',
      'this one only, with what each worker says to it; or a sector that waits for a thread of damocles-worker',
    )
    .option('--json', 'as JSON', false)
    .action((task: string | undefined, { json }: Json) =>
      talk(async (_, own) => {
        const others = json ? [] : await threadWork(own)
        const asked = others.filter(({ sector }) => sector === task)
        if (asked.length > 0) return say(asked.map(threadWorkText).join('\n'))
        const told = await own.ExplainStageTasks(task ?? null)
        if (json) return sayAll(StageExplanation, told)
        const pledges = task === undefined ? await own.ExplainPledges(minerOf()) : null
        const lines = told.map(each => explanationText(each, task !== undefined))
        if (pledges !== null) lines.push(pledgesText(pledges))
        if (task === undefined) lines.push(...others.map(threadWorkText))
        say(lines.length === 0 ? 'no task waits' : lines.join('\n'))
      }),
    )
  sealing
    .command('abort')
    .description('End the attempt at a task and park it; with a sector (s-t01000-7): give the sector up')
    .argument('<task>', 'a task of `sealing jobs`, or a sector')
    .option('--reason <text>', 'noted with it', 'aborted by an operator')
    .option('--really-do-it', '(with a sector) do it', false)
    .action((task: string, { reason, reallyDoIt }: { reason: string; reallyDoIt: boolean }) =>
      talk(async (_, own) => {
        const sector = (await own.StageTasks()).find(({ Sector }) => sectorName(Sector) === task)?.Sector
        if (sector !== undefined) return giveUp(own, sector, reason, reallyDoIt)
        if (!(await own.AbortStageTask(task, reason)))
          throw new Error(`${task} is no task that is ready or running: \`sealing jobs\` lists them`)
        say(`${task} is parked; \`sealing retry ${task}\` lets it be tried again`)
      }),
    )
  sealing
    .command('retry')
    .description('Let parked tasks be tried again: these, or all')
    .argument('[task...]', 'tasks of `sealing jobs`')
    .action((tasks: string[]) => talk(async (_, own) => say(`${await own.RetryStageTasks(tasks)} tried again`)))
  return sealing
}

/** Gives a sector up, or tells what that would cost. */
export async function giveUp(
  own: SealyardClient,
  sector: SectorID,
  reason: string,
  reallyDoIt: boolean,
): Promise<void> {
  const name = sectorName(sector)
  if (reallyDoIt) {
    await own.AbandonStageSector(sector, reason)
    return say(`${name} is given up; its files are removed by the worker that has them`)
  }
  const { Cost, WhyNot } = await own.PreviewAbandonStageSector(sector)
  if (WhyNot !== '') throw new Error(`${name} is not given up: ${WhyNot}`)
  say(`What it costs to give ${name} up: ${Cost}`)
  say('pass --really-do-it to give this sector up')
}

function jobsText(tasks: readonly StageTaskInfo[]): string {
  const rows = tasks.map(task => [
    task.ID,
    sectorName(task.Sector),
    task.Kind,
    task.State === 'ready' && task.NotBefore > Date.now() ? 'pausing' : task.State,
    task.Worker || '-',
    since(task.State === 'running' ? task.StartedAt : task.ReadyAt),
    task.Attempts,
    task.Error,
  ])
  return tableText(['task', 'sector', 'kind', 'state', 'worker', 'for', 'tries', 'last error'], rows)
}

function workerText(worker: StageWorkerInfo): string {
  const { Name, ID, Machine, Heard, SeenAt, Kinds, Quiet, MemoryBytes, Cores, GPUs, Posting, Paths, Tasks } = worker
  const paths = Paths.map(path => {
    const uses = [...(path.CanSeal ? ['seal'] : []), ...(path.CanStore ? ['store'] : [])].join(', ')
    return `    ${path.Location} (${uses}), ${formatByteSize(path.FreeBytes)} free, ${path.ID}`
  })
  return [
    `${Name} (${ID})${Heard ? '' : `: not heard of for ${since(SeenAt)}`}${Quiet ? ', quiet' : ''}`,
    `  does:    ${Kinds.join(' ')}`,
    `  machine: ${Machine}, ${formatByteSize(MemoryBytes)} of memory; ${Cores} cores and ${GPUs.length} GPUs for this worker${Posting ? '; a window is being proven' : ''}`,
    ...(paths.length === 0 ? ['  paths:   none'] : ['  paths:', ...paths]),
    `  at:      ${Tasks.join(' ') || 'nothing'}`,
  ].join('\n')
}

function pledgesText({ Waiting, Why, Change }: NonNullable<PledgesExplanation>): string {
  return `${Waiting === 1 ? '1 pledge waits' : `${Waiting} pledges wait`}: ${Why}. What helps: ${Change}.`
}

function explanationText({ Task, Why, Change, Workers }: StageExplanation, detailed: boolean): string {
  const line = `${Task}: ${Why}. What helps: ${Change}.`
  if (!detailed || Workers.length === 0) return line
  return [line, ...Workers.map(({ Worker, Answer }) => `  ${Worker}: ${Answer}`)].join('\n')
}
