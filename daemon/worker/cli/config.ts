import { Command } from 'commander'
import { checkReportJson, checkReportText, counted, isGood } from '../../kit/config/check-report.js'
import { checkWorkerFile } from '../config/check-file.js'
import { effectiveConfig } from '../config/effective.js'
import { keysMarkdown } from '../config/key-reference.js'
import { configOption } from './options.js'

interface CheckOptions {
  config: string
  json?: boolean
}

async function check({ config: file, json }: CheckOptions): Promise<void> {
  const { findings, loaded, hot } = await checkWorkerFile(file, { for: 'check' })
  const report = {
    file,
    findings,
    tables: loaded === undefined ? [] : effectiveConfig(loaded, hot),
    ...(loaded !== undefined && { subject: counted(loaded.config.threads.length, 'sealing thread') }),
  }
  if (!isGood(report)) process.exitCode = 1
  process.stdout.write(json ? checkReportJson(report) : checkReportText(report))
}

/** `config …`: a configuration file looked at without starting anything. */
export function configCommand(): Command {
  const command = new Command('config').description('look at a configuration file')
  command
    .command('check')
    .description(
      'print every setting with where its value comes from, and every problem; exit code 1 when there is one, 0 with warnings only',
    )
    .addOption(configOption())
    .option('--json', 'as JSON')
    .action(check)
  command
    .command('keys')
    .description('print every key of the configuration file with type, default and meaning, as Markdown')
    .action(() => {
      process.stdout.write(keysMarkdown())
    })
  return command
}
