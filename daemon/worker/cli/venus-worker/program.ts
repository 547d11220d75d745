import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { errorText } from '../../../../rpc-schema/seal-error.js'
import { STAGE_KINDS } from '../../../../rpc-schema/stages/kinds.js'
import type { StageWorkerStatus } from '../../../../rpc-schema/worker/stage-worker.js'
import { systemClock } from '../../../kit/clock.js'
import { formatByteSize } from '../../../kit/config/byte-size.js'
import { formatElapsed } from '../../../kit/config/duration.js'
import { attachedPaths } from '../../../kit/sealing/attached-paths.js'
import { attachPath, IDENTITY_FILE, readIdentity } from '../../../kit/sealing/path-identity.js'
import { tableText } from '../../../kit/terminal/table.js'
import { workerHome } from '../../stage-mode/worker-home.js'
import { wholeNumber } from '../numbers.js'
import { say, talkToWorker } from './control.js'
import { kindsNamed } from './kind-flags.js'
import { runCommand } from './run-command.js'

/** The command line of `venus-worker`: our worker in stage mode. */
export function venusWorkerProgram(version: string): Command {
  const program = new Command('venus-worker')
    .description('does some of the stages of sealing for a venus-sealer')
    .version(version, '-v, --version', 'print the version')
    .addOption(new Option('--worker-repo <dir>', 'home directory; default ~/.venusworker').env('VENUS_WORKER_PATH'))
  const homeOf = (): string => workerHome(program.opts<{ workerRepo?: string }>().workerRepo)
  return program
    .addCommand(runCommand(version, homeOf))
    .addCommand(storageCommand(homeOf))
    .addCommand(infoCommand(homeOf))
    .addCommand(tasksCommand(homeOf))
    .addCommand(waitQuietCommand(homeOf))
    .addCommand(stopCommand(homeOf))
}

interface AttachFlags {
  init: boolean
  seal: boolean
  store: boolean
  weight: number
}

function storageCommand(homeOf: () => string): Command {
  const storage = new Command('storage').description('Paths of this worker')
  storage
    .command('attach')
    .description(
      'Attach a path; another worker attaches the same one without --init, and nothing is copied between them',
    )
    .argument('<path>', 'the path')
    .option('--init', 'make the path and its sectorstore.json', false)
    .option('--seal', '(with --init) for sectors that are being sealed', false)
    .option('--store', '(with --init) for sealed sectors', false)
    .option('--weight <n>', '(with --init) share among the paths that have room', wholeNumber, 10)
    .action(async (dir: string, flags: AttachFlags) => {
      const { path, identity, added } = await attachPath(homeOf(), dir, flags)
      say(`${path} is attached${added ? '' : ' already'}, as ${identity.ID}; a running worker uses it at once`)
      if (added && identity.CanStore) say('pieces are read back from its sectors after the next start of the worker')
    })
  storage
    .command('list')
    .description('Print the paths that are attached, and what is wrong with one that cannot be used')
    .action(() => {
      const rows = attachedPaths(homeOf()).map(pathRow)
      say(rows.length === 0 ? 'no paths' : tableText(['path', 'for', 'id'], rows))
    })
  return storage
}

const usesOf = ({ CanSeal, CanStore }: { readonly CanSeal: boolean; readonly CanStore: boolean }): string =>
  [...(CanSeal ? ['seal'] : []), ...(CanStore ? ['store'] : [])].join(', ')

function pathRow(path: string): [string, string, string] {
  const trouble = troubleWith(path)
  if (trouble !== undefined) return [path, '-', trouble]
  const identity = readIdentity(path)
  return [path, usesOf(identity), identity.ID]
}

/** What keeps an attached path from being used. */
function troubleWith(path: string): string | undefined {
  if (!existsSync(join(path, IDENTITY_FILE))) return `there is no ${IDENTITY_FILE}: is it mounted?`
  try {
    readIdentity(path)
    return undefined
  } catch (error) {
    return errorText(error)
  }
}

function infoCommand(homeOf: () => string): Command {
  return new Command('info')
    .description('Print what the running worker is and is at')
    .option('--json', 'as JSON', false)
    .action(({ json }: { json: boolean }) =>
      talkToWorker(homeOf(), async worker => {
        const status = await worker.Status()
        if (json) return say(JSON.stringify(status, null, 2))
        say(infoText(status))
        for (const path of attachedPaths(homeOf())) {
          const trouble = troubleWith(path)
          if (trouble !== undefined) say(`${path} cannot be used, its sectors wait: ${trouble}`)
        }
      }),
    )
}

function infoText(status: StageWorkerStatus): string {
  const { Name, ID, Version, Machine, Manager, ManagerAnswers, MemoryBytes, Cores, GPUs, Kinds, Quiet } = status
  const tasks = status.Tasks.map(task => [
    task.Sector,
    task.Kind,
    task.State,
    task.Activity,
    formatElapsed(task.Seconds * 1_000),
  ])
  const paths = status.Paths.map(path => [path.Location, usesOf(path), formatByteSize(path.FreeBytes), path.ID])
  return [
    `Worker: ${Name} (${ID}), ${Version}`,
    `Sealer: ${Manager}${ManagerAnswers ? '' : ', does not answer'}`,
    `Machine: ${Machine}, ${formatByteSize(MemoryBytes)} of memory; ${Cores} cores and ${GPUs.length} GPUs for this worker`,
    `Tasks: ${Kinds.join(' ')}${Quiet ? '; quiet, takes nothing new' : ''}`,
    '',
    paths.length === 0 ? 'no paths' : tableText(['path', 'for', 'free', 'id'], paths),
    '',
    tasks.length === 0 ? 'at no task' : tableText(['sector', 'task', 'state', 'doing', 'since'], tasks),
  ].join('\n')
}

function tasksCommand(homeOf: () => string): Command {
  const tasks = new Command('tasks').description('Kinds of tasks that the running worker takes')
  tasks
    .command('list')
    .description('Print them')
    .action(() =>
      talkToWorker(homeOf(), async worker => {
        const { Kinds } = await worker.Status()
        say(
          tableText(
            ['task', 'taken'],
            STAGE_KINDS.map(kind => [kind, Kinds.includes(kind) ? 'yes' : 'no']),
          ),
        )
      }),
    )
  for (const enable of [true, false]) {
    tasks
      .command(enable ? 'enable' : 'disable')
      .description(enable ? 'Take these, too' : 'Take no more of these; what is at work goes on')
      .argument('<kind...>', STAGE_KINDS.join(', '))
      .action((names: string[]) =>
        talkToWorker(homeOf(), async worker => {
          say(`takes ${(await worker.EnableKinds(kindsNamed(names), enable)).join(' ') || 'nothing'}`)
        }),
      )
  }
  return tasks
}

const ASK_MS = 1_000

function waitQuietCommand(homeOf: () => string): Command {
  return new Command('wait-quiet')
    .description('Let the running worker take nothing new, and wait until it is at nothing; --resume lifts that')
    .option('--resume', 'take tasks again', false)
    .action(({ resume }: { resume: boolean }) =>
      talkToWorker(homeOf(), async worker => {
        await worker.SetQuiet(!resume)
        if (resume) return say('takes tasks again')
        for (let before = ''; ; ) {
          const { Tasks } = await worker.Status()
          const text = Tasks.map(({ Sector, Kind }) => `${Sector} ${Kind}`).join(', ')
          if (Tasks.length === 0) return say('quiet')
          if (text !== before) say(`at ${text}`)
          before = text
          await systemClock.sleep(ASK_MS)
        }
      }),
    )
}

const stopCommand = (homeOf: () => string): Command =>
  new Command('stop')
    .description('Stop the running worker; its tasks go on elsewhere, or here at its next start')
    .action(() =>
      talkToWorker(homeOf(), async worker => {
        await worker.Stop()
        say('stopping')
      }),
    )
