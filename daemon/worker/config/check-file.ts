import { join } from 'node:path'
import type { Finding } from '../../kit/config/check-report.js'
import { ConfigError, type ConfigProblem } from '../../kit/config/config-error.js'
import { readTomlFile, type TomlFile } from '../../kit/config/toml-file.js'
import type { CheckSubject } from './check-subject.js'
import { CHECKS } from './checks.js'
import { HOT_FILE, readHotFile } from './hot-config.js'
import { Machine } from './machine.js'
import { systemSecrets } from './secrets.js'
import { interpretWorkerFile, type LoadedWorkerConfig } from './worker-config.js'

export interface CheckedConfig {
  /** In the order of the file, those of other files last. */
  readonly findings: readonly Finding[]
  /** undefined when the file cannot be read as a configuration at all. */
  readonly loaded: LoadedWorkerConfig | undefined
  /** Thread -> its `<location>/config.toml`. Only looked for by `config check`. */
  readonly hot: ReadonlyMap<number, TomlFile>
  readonly machine: Machine
}

export interface CheckOptions {
  readonly machine?: Machine
  /**
   * `start`: the checks of the daemon at its start, which opens stores and reads hot files itself; `check`: everything.
   */
  readonly for: 'start' | 'check'
}

/** Reads a configuration and looks for everything that may be wrong with it. Never throws for what is in the file. */
export async function checkWorkerFile(path: string, options: CheckOptions): Promise<CheckedConfig> {
  const machine = options.machine ?? new Machine()
  const findings: Finding[] = []
  const add = (problems: readonly ConfigProblem[], kind: Omit<Finding, 'file' | 'problem'>, file = path): void => {
    findings.push(...problems.map(problem => ({ file, problem, ...kind })))
  }
  const refused = { found: 'problem', refuses: true } as const
  let loaded: LoadedWorkerConfig
  try {
    const { problems, ...rest } = interpretWorkerFile(readTomlFile(path), systemSecrets(machine.env))
    add(problems, refused)
    loaded = rest
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    add(error.problems, refused)
    return { findings, loaded: undefined, hot: new Map(), machine }
  }
  add(loaded.warnings, { found: 'warning', refuses: false })
  const subject: CheckSubject = { config: loaded.config, source: loaded.source, machine }
  for (const check of CHECKS) {
    if (options.for === 'start' && check.atStart === 'itself') continue
    add(await check.find(subject), { found: check.found, refuses: check.atStart === 'refuse' })
  }
  findings.sort((a, b) => (a.problem.line ?? 0) - (b.problem.line ?? 0))
  const hot = new Map<number, TomlFile>()
  if (options.for === 'check') {
    for (const [thread, location] of loaded.source.threads.map(each => each.location).entries()) {
      if (location === undefined) continue
      const file = join(location, HOT_FILE)
      if ((await machine.place(file)).kind === 'missing') continue
      try {
        const read = await readHotFile(file)
        hot.set(thread, read.file)
        add(read.settings.warnings, { found: 'warning', refuses: false }, file)
      } catch (error) {
        const problems =
          error instanceof ConfigError
            ? error.problems
            : [{ line: undefined, path: '', message: `cannot read it: ${(error as Error).message}` }]
        add(problems, refused, file)
      }
    }
  }
  return { findings, loaded, hot, machine }
}
