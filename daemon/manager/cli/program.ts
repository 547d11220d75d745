import { Command, Option } from 'commander'
import { DEFAULT_LISTEN } from './arguments.js'
import { authCommand } from './auth-command.js'
import { configCommand } from './config-command.js'
import { daemonCommand } from './daemon-command.js'
import { utilCommand } from './util-commands.js'

/** The command line of `damocles-manager`. */
export function managerProgram(version: string): Command {
  const program = new Command('damocles-manager')
    .description('the manager: sector numbers, records, messages to the chain')
    .version(version, '-v, --version', 'print the version')
    .addOption(new Option('--home <dir>', 'home directory; default ~/.damocles-manager').env('DAMOCLES_PATH'))
    .addOption(new Option('--net <name>', 'DEPRECATED: the network is asked for its parameters'))
  const homeOf = () => program.opts<{ home?: string }>()
  program.addCommand(daemonCommand(version, DEFAULT_LISTEN, homeOf))
  program.addCommand(authCommand(homeOf))
  program.addCommand(configCommand(homeOf))
  program.addCommand(utilCommand(DEFAULT_LISTEN, homeOf))
  return program
}
