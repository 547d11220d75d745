import { Command, Option } from 'commander'
import { watch } from '../../kit/terminal/watch.js'
import { workerAddress } from './address.js'
import { type ControlSession, type ControlTerminal, systemTerminal, talkTo } from './control-session.js'
import { type DrainOptions, drain } from './drain.js'
import { addDumpCommands } from './dump.js'
import { seconds, wholeNumber } from './numbers.js'
import { pause, resume } from './pause-resume.js'
import { threadLines, threadTable } from './thread-text.js'

const WATCH_MS = 2_000

const FORMATS = {
  table: threadTable,
  old: threadLines,
}

interface ListOptions {
  readonly json: boolean
  readonly format: keyof typeof FORMATS
  /** ms; true: the default */
  readonly watch?: number | true
}

async function list({ client, terminal, say }: ControlSession, options: ListOptions): Promise<void> {
  const { json, format } = options
  const text = async (indent?: number): Promise<string> => {
    const threads = await client.WorkerList()
    return json ? JSON.stringify(threads, null, indent) : FORMATS[format](threads)
  }
  if (options.watch === undefined) return say(await text(2))
  const { output, clock } = terminal
  const everyMs = options.watch === true ? WATCH_MS : options.watch
  const interruption = terminal.interruption()
  try {
    await watch({ output, clock, everyMs, signal: interruption.signal, redraw: !json, text })
  } finally {
    interruption.done()
  }
}

const index = (more = ''): Option =>
  new Option('-i, --index <INDEX>', `number of the thread${more}`).argParser(wholeNumber)
const json = (): Option => new Option('--json', 'as JSON').default(false)

/** `damocles-worker worker …`: looks at and steers a running worker. */
export function controlCommand(terminal: ControlTerminal = systemTerminal): Command {
  const command: Command = new Command('worker')
    .description('look at and steer the sealing threads of a running worker')
    .addOption(new Option('-H, --host <HOST>', 'address of the worker, IP:PORT').env('DAMOCLES_WORKER_HOST'))
    .addOption(
      new Option('-c, --config <FILE>', "the worker's configuration file; wins over --host").env(
        'DAMOCLES_WORKER_CONFIG',
      ),
    )
  const talk = (action: (session: ControlSession) => Promise<void>): Promise<void> =>
    talkTo(workerAddress(command.opts()), terminal, action)
  command
    .command('list')
    .description('list the sealing threads')
    .addOption(json())
    .addOption(
      new Option('--format <FORMAT>', 'old: a line a thread, as workers up to 0.8 printed it')
        .choices(Object.keys(FORMATS))
        .default('table'),
    )
    .addOption(
      new Option('--watch [SECONDS]', 'show it again and again (default: every 2 seconds) until Ctrl-C').argParser(
        seconds,
      ),
    )
    .action((options: ListOptions) => talk(session => list(session, options)))
  command
    .command('pause')
    .description('pause a thread after its present stage; exit code 0 when it is or will be paused')
    .addOption(index().makeOptionMandatory())
    .addOption(json())
    .action((options: { index: number; json: boolean }) => talk(session => pause(session, options.index, options.json)))
  command
    .command('resume')
    .description(
      'let a paused thread go on, or a draining one take sectors again; exit code 1 when --state cannot be set',
    )
    .addOption(index().makeOptionMandatory())
    .option('-s, --state <STATE>', 'state to go on in; Aborted gives the sector up')
    .addOption(json())
    .action((options: { index: number; state?: string; json: boolean }) =>
      talk(session => resume(session, options.index, options.state ?? null, options.json)),
    )
  command
    .command('drain')
    .description(
      'let threads finish their present sector and take no new one; a paused thread stays paused, and a restart of the worker lifts it',
    )
    .addOption(index(' (default: all)'))
    .option('--wait', 'wait until none of them has a sector any more', false)
    .option('--undo', 'let them take new sectors again', false)
    .addOption(json())
    .action((options: DrainOptions) => talk(session => drain(session, options)))
  addDumpCommands(command, talk)
  return command
}
