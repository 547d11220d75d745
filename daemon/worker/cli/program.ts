import { Command } from 'commander'
import { configCommand } from './config.js'
import { controlCommand } from './control.js'
import { daemonCommand } from './daemon.js'
import { generatorCommand } from './generator.js'
import { processorCommand } from './processor.js'
import { storeCommand } from './store.js'

/** The command line of `damocles-worker`. `version` as shown by `--version`, in pings and by the API. */
export function workerProgram(version: string): Command {
  return new Command('damocles-worker')
    .description('seals sectors for a manager')
    .version(version, '-V, --version')
    .addCommand(daemonCommand(version))
    .addCommand(configCommand())
    .addCommand(generatorCommand())
    .addCommand(processorCommand())
    .addCommand(storeCommand())
    .addCommand(controlCommand())
}
