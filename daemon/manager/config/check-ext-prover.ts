import { constants, existsSync } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { pathText } from '../../../rpc-schema/schema-issue.js'
import type { Finding } from '../../kit/config/check-report.js'
import { ConfigError, type ConfigProblem } from '../../kit/config/config-error.js'
import { loadConfig } from '../../kit/config/load.js'
import { readTomlFile } from '../../kit/config/toml-file.js'
import { withDeadline } from '../concurrency/deadline.js'
import { ExtProverSettings } from './ext-prover-settings.js'
import { withDeclaredKeys } from './key-case.js'

const LOOK_LIMIT_MS = 5_000

/** Looks at the `ext-prover.cfg` beside a configuration; there need not be one. Never throws for what is in it. */
export async function checkExtProverFile(path: string): Promise<Finding[]> {
  if (!existsSync(path)) return []
  const finding =
    (found: Finding['found'], refuses: boolean) =>
    (problem: ConfigProblem): Finding => ({ file: path, problem, found, refuses })
  try {
    const file = withDeclaredKeys(ExtProverSettings, readTomlFile(path))
    const { config, warnings: unknown } = loadConfig(ExtProverSettings, file)
    const warnings = [...unknown]
    const at = (where: readonly PropertyKey[], message: string): ConfigProblem => ({
      line: file.lineOf(where),
      path: pathText(where),
      message,
    })
    const problems: ConfigProblem[] = []
    for (const kind of ['WdPost', 'WinPost'] as const)
      for (const [index, { Bin, Args }] of config[kind].entries()) {
        const where = [kind, index]
        if (Bin) {
          const why = await withDeadline(Bin, LOOK_LIMIT_MS, whyNotProgram(Bin)).catch((error: Error) => error.message)
          if (why !== undefined) problems.push(at([...where, 'Bin'], `${Bin} ${why}`))
        } else if (Args.length > 0) warnings.push(at([...where, 'Args'], 'has no effect without Bin'))
      }
    return [...problems.map(finding('problem', true)), ...warnings.map(finding('warning', false))]
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.map(finding('problem', true))
  }
}

/** A program is a path, or a name that is looked for in PATH. */
async function whyNotProgram(name: string): Promise<string | undefined> {
  if (name.includes('/')) return whyNotFile(name)
  for (const dir of (process.env.PATH ?? '').split(delimiter))
    if (dir !== '' && (await whyNotFile(join(dir, name))) === undefined) return undefined
  return 'is not in PATH'
}

async function whyNotFile(path: string): Promise<string | undefined> {
  try {
    if (!(await stat(path)).isFile()) return 'is not a file'
    await access(path, constants.X_OK)
    return undefined
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return 'does not exist'
    return code === 'EACCES' ? 'cannot be executed' : message
  }
}
