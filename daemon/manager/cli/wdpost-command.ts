import { Command } from 'commander'
import { z } from 'zod'
import { AllWdPoStJob, type BriefWdPoStJob } from '../../../rpc-schema/manager/wdpost-job.js'
import { formatGoDuration } from '../../kit/config/duration.js'
import { tableText } from '../../kit/terminal/table.js'
import { type ManagerClient, say, sayJson } from './talk.js'

type Call = (action: (manager: ManagerClient) => Promise<void>) => Promise<void>

interface ListOptions {
  all: boolean
  detail: boolean
  json: boolean
}

/** `util worker wdpost`: the window PoSt jobs of a manager whose prover is its workers. */
export function wdpostCommand(call: Call): Command {
  const wdpost = new Command('wdpost').description('The window PoSt jobs of workers (daemon run --worker-prover)')
  wdpost
    .command('list')
    .description('List the jobs that are not done, or have failed')
    .option('--all', 'also those that have succeeded', false)
    .option('--detail', 'all that is known of them', false)
    .option('--json', 'as JSON', false)
    .action(({ all, detail, json }: ListOptions) =>
      call(async manager => {
        const { Jobs, MaxTry } = await manager.WdPoStAllJobs()
        const shown = (Jobs ?? []).filter(job => all || !hasSucceeded(job))
        if (json) return sayJson(z.encode(AllWdPoStJob, { Jobs: shown, MaxTry }))
        say(detail ? detailTable(shown, Jobs ?? [], MaxTry) : shortTable(shown, MaxTry, Date.now()))
      }),
    )
  wdpost
    .command('reset')
    .description('Let workers try jobs again, as if they had never been tried')
    .argument('<job id...>')
    .action((ids: string[]) => call(manager => onEach(ids, 'reset wdpost job', id => manager.WdPoStResetJob(id))))
  wdpost
    .command('remove')
    .description('Delete jobs; one whose proof is still wanted is made again')
    .argument('<job id...>')
    .action((ids: string[]) => call(manager => onEach(ids, 'remove wdpost job', id => manager.WdPoStRemoveJob(id))))
  wdpost
    .command('remove-all')
    .description('Delete all jobs')
    .option('--really-do-it', 'without it nothing is done', false)
    .action(({ reallyDoIt }: { reallyDoIt: boolean }) =>
      call(async manager => {
        if (!reallyDoIt) throw new Error('this deletes the jobs of all miners: pass --really-do-it to do so')
        for (const { Id } of (await manager.WdPoStAllJobs()).Jobs ?? []) {
          await manager.WdPoStRemoveJob(Id)
          say(`wdpost job ${Id} removed`)
        }
      }),
    )
  return wdpost
}

/** One that fails does not keep the others; the error names them all. */
async function onEach(ids: readonly string[], what: string, act: (id: string) => Promise<unknown>): Promise<void> {
  const problems: string[] = []
  for (const id of ids) await act(id).catch((error: Error) => problems.push(`${what}: ${error.message}`))
  if (problems.length > 0) throw new Error(problems.join('; '))
}

const isFinished = ({ State }: BriefWdPoStJob): boolean => State === 'finished'
const hasSucceeded = (job: BriefWdPoStJob): boolean => isFinished(job) && job.ErrorReason === '' && job.Faults === 0

function stateText(job: BriefWdPoStJob): string {
  if (job.State === 'ready2run' && job.Waits) return `Waits(${job.Waits})`
  if (job.State === 'ready2run') return 'ReadyToRun'
  if (job.State === 'running') return 'Running'
  if (job.ErrorReason !== '') return 'Failed'
  return job.Faults > 0 ? `Faults(${job.Faults})` : 'Succeed'
}

const partitionsText = ({ Partitions }: BriefWdPoStJob): string => `[${(Partitions ?? []).join(', ')}]`
const tryText = ({ TryNum }: BriefWdPoStJob, maxTry: number): string =>
  TryNum >= maxTry ? `${TryNum}(Max)` : String(TryNum)

/** `MM-DD HH:MM:SS` of this machine's time. */
function timeText(seconds: number): string {
  if (seconds === 0) return '-'
  const at = new Date(seconds * 1000)
  const two = (value: number): string => String(value).padStart(2, '0')
  return `${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
}

const forText = (seconds: number): string => formatGoDuration(Math.max(0, seconds) * 1000)

function elapsedText(job: BriefWdPoStJob, now: number): string {
  if (job.StartedAt === 0) return '-'
  return isFinished(job) ? `${forText(job.FinishedAt - job.StartedAt)}(done)` : forText(now - job.StartedAt)
}

function shortTable(jobs: readonly BriefWdPoStJob[], maxTry: number, nowMs: number): string {
  const now = Math.floor(nowMs / 1000)
  return tableText(
    [
      'JobID',
      'MinerID',
      'DDL',
      'Partitions',
      'Sectors',
      'Worker',
      'State',
      'Try',
      'CreateAt',
      'Elapsed',
      'Heartbeat',
      'Error',
    ],
    jobs.map(job => [
      job.Id,
      String(job.Input.MinerId),
      String(job.DeadlineIdx),
      partitionsText(job),
      String(job.Sectors),
      job.WorkerName,
      stateText(job),
      tryText(job, maxTry),
      timeText(job.CreatedAt),
      elapsedText(job, now),
      job.State === 'running' ? forText(now - job.HeartbeatAt) : '-',
      job.ErrorReason,
    ]),
  )
}

/** The jobs that read for one that waits. */
function readersText({ Id, Part, Waits }: BriefWdPoStJob, all: readonly BriefWdPoStJob[]): string {
  if (Part !== 'prove' || !Waits) return '-'
  const proof = Id.split('-', 1)[0]!
  const readers = all.filter(job => job.Part === 'read' && !isFinished(job) && job.Id.startsWith(`${proof}-`))
  return readers.map(job => job.Id).join(' ') || '-'
}

function detailTable(jobs: readonly BriefWdPoStJob[], all: readonly BriefWdPoStJob[], maxTry: number): string {
  // Where all jobs are whole ones, there is nothing to tell.
  const hasParts = jobs.some(({ Part }) => Part !== undefined)
  return tableText(
    [
      'JobID',
      'Prefix',
      'Miner',
      'DDL',
      'Partitions',
      'Sectors',
      'Worker',
      'State',
      ...(hasParts ? ['Part', 'WaitsFor'] : []),
      'Try',
      'CreateAt',
      'StartedAt',
      'HeartbeatAt',
      'FinishedAt',
      'UpdatedAt',
      'Error',
    ],
    jobs.map(job => [
      job.Id,
      job.State,
      String(job.Input.MinerId),
      String(job.DeadlineIdx),
      partitionsText(job),
      String(job.Sectors),
      job.WorkerName,
      stateText(job),
      ...(hasParts ? [job.Part ?? 'whole', readersText(job, all)] : []),
      tryText(job, maxTry),
      timeText(job.CreatedAt),
      timeText(job.StartedAt),
      timeText(job.HeartbeatAt),
      timeText(job.FinishedAt),
      timeText(job.UpdatedAt),
      job.ErrorReason,
    ]),
  )
}
