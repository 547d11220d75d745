import { realpathSync } from 'node:fs'
import { Command, InvalidArgumentError, Option } from 'commander'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import { connectRpc } from '../../../rpc-schema/rpc/connection.js'
import type { Client } from '../../../rpc-schema/rpc/method.js'
import { workerService } from '../../../rpc-schema/worker/index.js'
import type { ThreadInfo, ThreadState } from '../../../rpc-schema/worker/thread-info.js'
import { formatElapsed } from '../../kit/config/duration.js'
import { tableText } from '../../kit/terminal/table.js'
import { workerAddress } from './address.js'

type WorkerClient = Client<(typeof workerService)['methods']>

const SECOND = 1_000

/** Environment variable of the worker under which undecodable answers of a child are kept, by pid. */
const dumpVariable = (pid: number): string => `DUMP_ERR_RESP_${pid}`

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('expected a whole number.')
  return Number(text)
}

/** `Running(5s) builtin PC1`, `Paused(13m 42s)`, `Idle` */
export function threadStateText(state: ThreadState): string {
  if (state.state === 'Idle') return 'Idle'
  const text = `${state.state}(${formatElapsed(state.elapsed * SECOND)})`
  return state.state === 'Running' && state.proc !== null ? `${text} ${state.proc}` : text
}

/** On one line, with what would break it escaped. */
const oneLine = (text: string): string => JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"')

export function threadTable(threads: readonly ThreadInfo[]): string {
  const header = ['#', 'location', 'Plan', 'JobID', 'JobState', 'JobStage', 'ThreadState', 'LastErr']
  const rows = threads.map(thread => [
    String(thread.index),
    thread.location,
    thread.plan,
    thread.job_id ?? '-',
    thread.job_state || '-',
    thread.job_stage ?? '-',
    threadStateText(thread.thread_state),
    thread.last_error === null ? '-' : oneLine(thread.last_error),
  ])
  return tableText(header, rows)
}

const say = (text: string): void => void process.stdout.write(`${text}\n`)

/** What a thread is at, for the sentence behind a command. */
function atWork(thread: ThreadInfo | undefined): string {
  const what = thread?.job_stage ?? thread?.job_state
  return what ? `${what}${thread?.job_id ? ` of ${thread.job_id}` : ''}` : 'what it is doing'
}

async function pause(client: WorkerClient, index: number, json: boolean): Promise<void> {
  const done = await client.WorkerPause(index)
  const thread = (await client.WorkerList()).find(found => found.index === index)
  if (json) return say(JSON.stringify({ index, done, thread: thread ?? null }))
  if (thread?.thread_state.state === 'Paused') return say(`#${index} is paused`)
  say(
    done
      ? `#${index} will pause after ${atWork(thread)}`
      : `#${index} nothing done: a pause is on its way already, after ${atWork(thread)}`,
  )
}

async function resume(client: WorkerClient, index: number, state: string | null, json: boolean): Promise<void> {
  const done = await client.WorkerResume(index, state)
  if (json) return say(JSON.stringify({ index, state, done }))
  if (!done) return say(`#${index} nothing done: it is not paused`)
  say(`#${index} resumed${state === null ? '' : ` in state ${state}`}`)
}

/** `damocles-worker worker …`: looks at and steers a running worker. */
export function controlCommand(): Command {
  const command: Command = new Command('worker').description(
    'look at and steer the sealing threads of a running worker',
  )
  command
    .addOption(new Option('-H, --host <HOST>', 'address of the worker, IP:PORT').env('DAMOCLES_WORKER_HOST'))
    .addOption(
      new Option('-c, --config <FILE>', "the worker's configuration file; wins over --host").env(
        'DAMOCLES_WORKER_CONFIG',
      ),
    )
  const talk = async (action: (client: WorkerClient) => Promise<void>): Promise<void> => {
    const connection = connectRpc(workerAddress(command.opts()))
    try {
      await action(rpcClient(workerService, connection))
    } finally {
      await connection.close()
    }
  }
  const index = (): Option =>
    new Option('-i, --index <INDEX>', 'number of the thread').argParser(wholeNumber).makeOptionMandatory()
  command
    .command('list')
    .description('list the sealing threads')
    .option('--json', 'as JSON', false)
    .action((options: { json: boolean }) =>
      talk(async client => {
        const threads = await client.WorkerList()
        say(options.json ? JSON.stringify(threads, null, 2) : threadTable(threads))
      }),
    )
  command
    .command('pause')
    .description('pause a thread after its present stage')
    .addOption(index())
    .option('--json', 'as JSON', false)
    .action((options: { index: number; json: boolean }) => talk(client => pause(client, options.index, options.json)))
  command
    .command('resume')
    .description('let a paused thread go on')
    .addOption(index())
    .option('-s, --state <STATE>', 'state to go on in; Aborted gives the sector up')
    .option('--json', 'as JSON', false)
    .action((options: { index: number; state?: string; json: boolean }) =>
      talk(client => resume(client, options.index, options.state ?? null, options.json)),
    )
  const pid = (): Option[] => [
    new Option('--child-pid <CHILD_PID>', 'process id of the processor').argParser(wholeNumber),
    new Option('--child_pid <CHILD_PID>').argParser(wholeNumber).hideHelp(),
  ]
  const dump = command
    .command('enable-dump')
    .alias('enable_dump')
    .description('keep answers of a processor that cannot be decoded')
  for (const option of pid()) dump.addOption(option)
  dump
    .option('--dump-dir <DUMP_DIR>', 'where to keep them')
    .addOption(new Option('--dump_dir <DUMP_DIR>').hideHelp())
    .action((options: { childPid?: number; child_pid?: number; dumpDir?: string; dump_dir?: string }) => {
      const child = options.childPid ?? options.child_pid
      const directory = options.dumpDir ?? options.dump_dir
      if (child === undefined || directory === undefined) command.error('enable-dump needs --child-pid and --dump-dir')
      const canonical = realpathSync(directory)
      return talk(async client => {
        await client.WorkerSetEnv(dumpVariable(child), canonical)
        say(`answers of processor ${child} that cannot be decoded go to ${canonical}`)
      })
    })
  const noDump = command.command('disable-dump').alias('disable_dump').description('keep them no longer')
  for (const option of pid()) noDump.addOption(option)
  noDump.action((options: { childPid?: number; child_pid?: number }) => {
    const child = options.childPid ?? options.child_pid
    if (child === undefined) command.error('disable-dump needs --child-pid')
    return talk(async client => {
      await client.WorkerRemoveEnv(dumpVariable(child))
      say(`answers of processor ${child} are not kept any more`)
    })
  })
  return command
}
