import { Command, Option } from 'commander'
import type { z } from 'zod'
import { problemText } from '../../kit/config/config-error.js'
import { loadConfig } from '../../kit/config/load.js'
import { readTomlFile } from '../../kit/config/toml-file.js'
import { runDaemon } from '../../kit/lifecycle.js'
import { createLog, type Logger } from '../../kit/log.js'
import { MasterConfig } from '../master/master-config.js'
import { SlaveConfig } from '../slave/slave-config.js'

/** The command line of `wdpost`. */
export function wdpostProgram(version: string): Command {
  const program = new Command('wdpost')
    .description('window PoSt on several machines: a master under the manager, slaves where the GPUs are')
    .version(version, '-V, --version', 'print the version')
  program
    .command('master')
    .description('keeps the tasks: a processor that a [[WdPost]] of ext-prover.cfg starts')
    .addCommand(masterDaemon('daemon', version))
  const slave = slaveDaemon('slave').description('proves the tasks of a master')
  program.addCommand(slave.addCommand(slaveDaemon('daemon')))
  return program
}

/** `wdpost-master-daemon`: the same as `wdpost master daemon`. */
export const masterProgram = (version: string): Command =>
  masterDaemon('wdpost-master-daemon', version).version(version, '-V, --version', 'print the version')

/** `wdpost-slave-daemon`: the same as `wdpost slave daemon`. */
export const slaveProgram = (version: string): Command =>
  slaveDaemon('wdpost-slave-daemon').version(version, '-V, --version', 'print the version')

const masterDaemon = (name: string, version: string): Command =>
  new Command(name)
    .description('run the master: answers a manager on stdin and stdout, and slaves on a port')
    .addOption(configOption('wdpost_master.toml'))
    .action(async ({ config }: { config: string }) => {
      const { serveMaster } = await import('../master/serve-master.js')
      await serveMaster(
        read(MasterConfig, config, problem => process.stderr.write(`${problem}\n`)),
        version,
      )
    })

const slaveDaemon = (name: string): Command =>
  new Command(name)
    .description('run a slave')
    .addOption(configOption('wdpost_slave.toml'))
    .action(async (_: unknown, command: Command) => {
      const { config } = command.optsWithGlobals<{ config: string }>()
      const log: Logger = createLog({ name: 'wdpost slave' })
      const settings = read(SlaveConfig, config, problem => log.warn(problem))
      const { startSlave } = await import('../slave/start-slave.js')
      await runDaemon({ log, start: () => startSlave(settings, log) })
    })

/** `-c FILE`, `--config FILE`, and `-c=FILE` as the older slave was started. */
const configOption = (file: string): Option =>
  new Option('-c, --config <file>', 'its configuration')
    .default(file)
    .argParser((text: string) => text.replace(/^=/, ''))

function read<S extends z.ZodType>(schema: S, file: string, warn: (problem: string) => void): z.output<S> {
  const { config, warnings } = loadConfig(schema, readTomlFile(file))
  for (const warning of warnings) warn(problemText(file, warning))
  return config
}
