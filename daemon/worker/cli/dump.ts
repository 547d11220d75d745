import { realpath, stat } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import type { ControlSession } from './control-session.js'
import { wholeNumber } from './numbers.js'

/** Environment variable of the worker under which undecodable answers of a child are kept, by pid. */
const dumpVariable = (pid: number): string => `DUMP_ERR_RESP_${pid}`

type Talk = (action: (session: ControlSession) => Promise<void>) => Promise<void>
interface DumpOptions {
  childPid?: number
  child_pid?: number
  dumpDir?: string
  dump_dir?: string
}

async function directoryAt(path: string): Promise<string> {
  const canonical = await realpath(path).catch((cause: unknown) => {
    throw new Error(`${path} cannot be used for answers`, { cause })
  })
  if ((await stat(canonical)).isDirectory()) return canonical
  throw new Error(`${path} is not a directory`)
}

const pidOptions = (): Option[] => [
  new Option('--child-pid <CHILD_PID>', 'process id of the processor').argParser(wholeNumber),
  new Option('--child_pid <CHILD_PID>').argParser(wholeNumber).hideHelp(),
]

/** `enable-dump` and `disable-dump`: what a processor answers that cannot be decoded is kept in files. */
export function addDumpCommands(command: Command, talk: Talk): void {
  const enable: Command = command
    .command('enable-dump')
    .alias('enable_dump')
    .description('keep answers of a processor that cannot be decoded')
  for (const option of pidOptions()) enable.addOption(option)
  enable
    .option('--dump-dir <DUMP_DIR>', 'where to keep them')
    .addOption(new Option('--dump_dir <DUMP_DIR>').hideHelp())
    .action(async (options: DumpOptions) => {
      const child = options.childPid ?? options.child_pid
      const directory = options.dumpDir ?? options.dump_dir
      if (child === undefined || directory === undefined) enable.error('enable-dump needs --child-pid and --dump-dir')
      const canonical = await directoryAt(directory)
      await talk(async ({ client, say }) => {
        await client.WorkerSetEnv(dumpVariable(child), canonical)
        say(`answers of processor ${child} that cannot be decoded go to ${canonical}`)
      })
    })
  const disable: Command = command.command('disable-dump').alias('disable_dump').description('keep them no longer')
  for (const option of pidOptions()) disable.addOption(option)
  disable.action((options: DumpOptions) => {
    const child = options.childPid ?? options.child_pid
    if (child === undefined) disable.error('disable-dump needs --child-pid')
    return talk(async ({ client, say }) => {
      await client.WorkerRemoveEnv(dumpVariable(child))
      say(`answers of processor ${child} are not kept any more`)
    })
  })
}
