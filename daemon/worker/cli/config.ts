import { Command } from 'commander'
import { tomlKey } from '../../kit/config/toml-text.js'
import { checkWorkerFile, type Finding, findingText } from '../config/check-file.js'
import { effectiveConfig } from '../config/effective.js'
import { effectiveText } from '../config/effective-text.js'
import { keysMarkdown } from '../config/key-reference.js'
import { configOption } from './options.js'

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`

interface CheckOptions {
  config: string
  json?: boolean
}

async function check({ config: path, json }: CheckOptions): Promise<void> {
  const { findings, loaded, hot } = await checkWorkerFile(path, { for: 'check' })
  const tables = loaded === undefined ? [] : effectiveConfig(loaded, hot)
  const of = (kind: Finding['found']): Finding[] => findings.filter(({ found }) => found === kind)
  const [problems, warnings] = [of('problem'), of('warning')]
  if (problems.length > 0) process.exitCode = 1
  if (json) {
    const plain = ({ file, problem, refuses }: Finding): object => ({ file, ...problem, refuses })
    const report = {
      file: path,
      good: problems.length === 0,
      problems: problems.map(plain),
      warnings: warnings.map(plain),
      config: tables.map(({ settings, ...table }) => ({
        ...table,
        settings: settings.map(({ key, ...setting }) => ({ key: key.map(tomlKey).join('.'), ...setting })),
      })),
    }
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
    return
  }
  if (tables.length > 0) process.stdout.write(`${effectiveText(tables)}\n`)
  for (const problem of problems) process.stdout.write(`problem: ${findingText(problem)}\n`)
  for (const warning of warnings) process.stdout.write(`warning: ${findingText(warning)}\n`)
  const verdict = problems.length === 0 ? 'good' : counted(problems.length, 'problem')
  const threads = loaded === undefined ? '' : `, ${counted(loaded.config.threads.length, 'sealing thread')}`
  const told = warnings.length === 0 ? '' : `, ${counted(warnings.length, 'warning')}`
  process.stdout.write(`${path}: ${verdict}${told}${threads}\n`)
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
