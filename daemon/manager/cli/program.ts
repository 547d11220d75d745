import { Command, Option } from 'commander'
import { DEFAULT_LISTEN } from './arguments.js'
import { authCommand } from './auth-command.js'
import { completionCommand } from './completion.js'
import { configCommand } from './config-command.js'
import { daemonCommand } from './daemon-command.js'
import { doctorCommand } from './doctor-command.js'
import { mockCommand } from './mock-command.js'
import { utilCommand } from './util-commands.js'

/** The command line of `damocles-manager`. */
export function managerProgram(version: string): Command {
  const program = new Command('damocles-manager')
    .description('the manager: sector numbers, records, messages to the chain')
    .version(version, '-v, --version', 'print the version')
    .addOption(
      new Option(
        '--home <dir>',
        'home directory; default $DAMOCLES_PATH, $VENUS_SECTOR_MANAGER_PATH, $VSM_PATH, else ~/.damocles-manager',
      ),
    )
    .addOption(new Option('--net <name>', 'DEPRECATED: the network is asked for its parameters'))
  const homeOf = () => program.opts<{ home?: string }>()
  program.addCommand(mockCommand(version, DEFAULT_LISTEN))
  program.addCommand(daemonCommand(version, DEFAULT_LISTEN, homeOf))
  program.addCommand(authCommand(homeOf))
  program.addCommand(configCommand(homeOf))
  program.addCommand(doctorCommand(DEFAULT_LISTEN, homeOf))
  program.addCommand(utilCommand(version, DEFAULT_LISTEN, homeOf))
  program.addCommand(completionCommand(program))
  exitWithTwoOnMisuse(program)
  return program
}

/** Exit codes: 0 done, 1 failed, 2 not understood. */
export function exitWithTwoOnMisuse(command: Command): void {
  command.exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  for (const below of command.commands) exitWithTwoOnMisuse(below)
}
