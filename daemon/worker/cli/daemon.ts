import { Command, Option } from 'commander'
import { leaveProcess } from '../../../plugins/prover/addon.js'
import { ConfigError, problemText } from '../../kit/config/config-error.js'
import { runDaemon } from '../../kit/lifecycle.js'
import { createLog, type Logger } from '../../kit/log.js'
import { readWorkerConfig, type WorkerConfig } from '../config/worker-config.js'
import { startWorker } from '../worker.js'

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent', 'off']

/** The environment variable is a filter in the original; a plain level is understood here. */
function logLevel(): { level?: string } {
  const wanted = process.env.DAMOCLES_WORKER_LOG?.toLowerCase()
  if (process.env.SEALYARD_LOG !== undefined || wanted === undefined || !LEVELS.includes(wanted)) return {}
  return { level: wanted === 'off' ? 'silent' : wanted }
}

function readOrExit(file: string, log: Logger): WorkerConfig {
  try {
    const { config, warnings } = readWorkerConfig(file)
    for (const warning of warnings) log.warn(problemText(file, warning))
    return config
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    return process.exit(1)
  }
}

/** For the log: tokens may be in the headers, and in what children are given. */
function withoutSecrets({ manager, processors, ...rest }: WorkerConfig): object {
  const children = Object.entries(processors.children).map(([stage, entries]) => [
    stage,
    entries?.map(({ envs, ...entry }) => ({ ...entry, envs: Object.keys(envs) })),
  ])
  return { ...rest, manager: manager.address, processors: { ...processors, children: Object.fromEntries(children) } }
}

export const configOption = (): Option =>
  new Option('-c, --config <CONFIG>', 'path of the configuration file')
    .env('DAMOCLES_WORKER_CONFIG')
    .makeOptionMandatory()

export function daemonCommand(version: string): Command {
  return new Command('daemon')
    .description('run the worker')
    .addOption(configOption())
    .action(async (options: { config: string }) => {
      const log = createLog({ name: 'damocles-worker', ...logLevel() })
      const config = readOrExit(options.config, log)
      log.info({ config: withoutSecrets(config) }, 'configuration')
      await runDaemon({ log, start: () => startWorker({ config, log, version }), exit: leaveProcess })
    })
}

/** `config check`: what `daemon` would say about a configuration file, without starting anything. */
export function configCommand(): Command {
  const command = new Command('config').description('look at a configuration file')
  command
    .command('check')
    .description('tell every problem of a configuration file; exit code 1 when there is one')
    .addOption(configOption())
    .action((options: { config: string }) => {
      try {
        const { config, warnings } = readWorkerConfig(options.config)
        for (const warning of warnings) process.stdout.write(`warning: ${problemText(options.config, warning)}\n`)
        process.stdout.write(`${options.config}: good, ${config.threads.length} sealing threads\n`)
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error
        process.stdout.write(`${error.message}\n`)
        process.exitCode = 1
      }
    })
  return command
}
