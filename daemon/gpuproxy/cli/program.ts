import { Command, Option } from 'commander'
import { authCommand } from './auth-command.js'
import { logLevelOption } from './options.js'
import { paramFetchCommand } from './paramfetch-command.js'
import { runCommand } from './run-command.js'
import { talkTo } from './talk.js'
import { taskCommands } from './task-commands.js'
import { workerCommands } from './worker-commands.js'

/** The command line of `gpuproxy`. */
export function gpuproxyProgram(version: string): Command {
  const program = new Command('gpuproxy')
    .description('hands C2 tasks from sealing machines to proving machines')
    .version(version, '-V, --version', 'print the version')
    .addOption(
      new Option('--url <address>', 'run: IP:PORT to listen on; other commands: where the server is')
        .env('C2PROXY_URL')
        .default('127.0.0.1:18888'),
    )
    .addOption(logLevelOption())
    .addOption(new Option('--token <token>', 'token for the server, when it wants one').env('C2PROXY_TOKEN'))
  const globals = () => program.opts<{ url: string; logLevel: string; token?: string }>()
  const talk = talkTo(globals)
  program.addCommand(runCommand(globals))
  program.addCommand(taskCommands(talk))
  program.addCommand(workerCommands(talk))
  program.addCommand(authCommand())
  program.addCommand(paramFetchCommand())
  return program
}
