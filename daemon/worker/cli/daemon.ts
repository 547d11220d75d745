import { Command } from 'commander'
import { leaveProcess } from '../../../plugins/prover/addon.js'
import { findingText } from '../../kit/config/check-report.js'
import { effectiveRecord } from '../../kit/config/effective-text.js'
import { runDaemon } from '../../kit/lifecycle.js'
import { createLog, type Logger } from '../../kit/log.js'
import { checkWorkerFile } from '../config/check-file.js'
import { effectiveConfig } from '../config/effective.js'
import type { WorkerConfig } from '../config/worker-config.js'
import { startWorker } from '../worker.js'
import { configOption } from './options.js'

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent', 'off']

/** The environment variable is a filter in the original; a plain level is understood here. */
function logLevel(): { level?: string } {
  const wanted = process.env.DAMOCLES_WORKER_LOG?.toLowerCase()
  if (process.env.SEALYARD_LOG !== undefined || wanted === undefined || !LEVELS.includes(wanted)) return {}
  return { level: wanted === 'off' ? 'silent' : wanted }
}

/** The configuration, or the end: every reason not to start is told at once. */
async function readOrExit(file: string, log: Logger): Promise<WorkerConfig> {
  const { findings, loaded } = await checkWorkerFile(file, { for: 'start' })
  const reasons = findings.filter(({ refuses }) => refuses)
  if (reasons.length > 0 || loaded === undefined) {
    process.stderr.write(reasons.map(reason => `${findingText(reason)}\n`).join(''))
    return process.exit(1)
  }
  for (const finding of findings) log.warn(findingText(finding))
  log.info({ config: effectiveRecord(effectiveConfig(loaded)) }, 'configuration')
  return loaded.config
}

export function daemonCommand(version: string): Command {
  return new Command('daemon')
    .description('run the worker')
    .addOption(configOption())
    .action(async (options: { config: string }) => {
      const log = createLog({ name: 'damocles-worker', ...logLevel() })
      const config = await readOrExit(options.config, log)
      await runDaemon({ log, start: () => startWorker({ config, log, version }), exit: leaveProcess })
    })
}
