import { Command } from 'commander'
import { checkReportJson, checkReportText, isGood } from '../../kit/config/check-report.js'
import { checkManagerFile } from '../config/check-file.js'
import { managerHome } from '../config/home.js'
import { keysMarkdown } from '../config/key-reference.js'
import { type SealyardClient, say } from './talk.js'

interface CheckOptions {
  config?: string
  confDir?: string
  json: boolean
}

/** `config …`: a configuration file looked at without starting anything. */
export function configCommand(homeOf: () => { home?: string }): Command {
  const command = new Command('config').description('Look at a configuration file')
  command.addCommand(
    checkCommand()
      .option('-c, --config <file>', 'the file; default: sector-manager.cfg of the home or configuration directory')
      .option('--conf-dir <dir>', 'where the configuration is; default: the home directory')
      .action(({ config, confDir, json }: CheckOptions) => {
        const home = managerHome({ ...homeOf(), ...(confDir !== undefined && { confDir }) })
        return check(config ?? home.configFile, json)
      }),
  )
  command
    .command('keys')
    .description('Print every key of sector-manager.cfg with type, default and meaning, as Markdown')
    .action(() => void process.stdout.write(keysMarkdown()))
  return command
}

/** `config check`, without saying which file. */
export const checkCommand = (): Command =>
  new Command('check')
    .description(
      'Print every setting with where its value comes from, and every problem; exit code 1 when there is one, 0 with warnings only',
    )
    .option('--json', 'as JSON', false)

/** Prints what is found in a file; exit code 1 when there is a problem. */
export async function check(file: string, json: boolean): Promise<void> {
  const report = await checkManagerFile(file)
  if (!isGood(report)) process.exitCode = 1
  process.stdout.write(json ? checkReportJson(report) : checkReportText(report))
}

type CallSealyard = (action: (manager: SealyardClient) => Promise<void>) => Promise<void>

/** `util config`: the configuration of a running manager. */
export function utilConfigCommand(call: CallSealyard): Command {
  const command = new Command('config').description('The configuration of the running manager')
  command
    .command('reload')
    .description(
      'Let the manager read its configuration again; exit code 1 when it has problems and nothing is changed',
    )
    .option('--json', 'as JSON', false)
    .action(({ json }: { json: boolean }) =>
      call(async manager => {
        const result = await manager.ConfigReload()
        if (!result.done) process.exitCode = 1
        if (json) return say(JSON.stringify(result, null, 2))
        const lines = [
          ...result.problems.map(problem => `problem: ${problem}`),
          ...result.warnings.map(warning => `warning: ${warning}`),
          ...result.applied.map(({ key, from, to }) => `${key}: ${from} -> ${to}`),
          ...result.afterRestart.map(({ key, from, to }) => `${key}: ${from} -> ${to} after a restart`),
        ]
        const changed = result.applied.length + result.afterRestart.length
        if (!result.done) lines.push('not reloaded: the old configuration stays')
        else if (changed === 0) lines.push('nothing has changed')
        say(lines.join('\n'))
      }),
    )
  return command
}
