import { dirname, join } from 'node:path'
import type { CheckReport, Finding } from '../../kit/config/check-report.js'
import { ConfigError, type ConfigProblem } from '../../kit/config/config-error.js'
import { withoutTokens } from '../../kit/config/hidden.js'
import { readTomlFile, type TomlFile } from '../../kit/config/toml-file.js'
import { checkExtProverFile } from './check-ext-prover.js'
import { CHECKS } from './checks.js'
import { effectiveSettings } from './effective.js'
import { EXT_PROVER_FILE } from './ext-prover-file.js'
import { type InterpretedSettings, interpretSettings } from './load-settings.js'

/**
 * Reads `sector-manager.cfg`, and `ext-prover.cfg` when it lies beside it, and looks for everything that may be wrong with them. Never throws for what is
 * in the files.
 */
export async function checkManagerFile(path: string): Promise<CheckReport> {
  const report = await checkMainFile(path)
  const beside = await checkExtProverFile(join(dirname(path), EXT_PROVER_FILE))
  return { ...report, findings: [...report.findings, ...beside] }
}

async function checkMainFile(path: string): Promise<CheckReport> {
  try {
    return await checkManagerToml(readTomlFile(path))
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { file: path, findings: findingsOf(path, error.problems, true), tables: [] }
  }
}

/** As {@link checkManagerFile}, of what has been read already. */
export async function checkManagerToml(source: TomlFile): Promise<CheckReport> {
  let read: InterpretedSettings
  try {
    read = interpretSettings(source)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { file: source.name, findings: findingsOf(source.name, error.problems, true), tables: [] }
  }
  const findings = [
    ...findingsOf(source.name, read.problems, true),
    ...findingsOf(source.name, read.warnings, false, 'warning'),
  ]
  const subject = { setup: read.config, file: read.file }
  for (const { found, find } of CHECKS) {
    const problems = (await find(subject)).map(read.asWritten)
    findings.push(...findingsOf(source.name, problems, false, found))
  }
  findings.sort((a, b) => (a.problem.line ?? 0) - (b.problem.line ?? 0))
  const miners = [...read.config.miners.keys()]
  return {
    file: source.name,
    findings,
    tables: effectiveSettings(read.file),
    subject: miners.length === 0 ? 'no miner' : `miner${miners.length === 1 ? '' : 's'} ${miners.join(', ')}`,
  }
}

const findingsOf = (
  file: string,
  problems: readonly ConfigProblem[],
  refuses: boolean,
  found: Finding['found'] = 'problem',
): Finding[] =>
  problems.map(problem => ({
    file,
    problem: { ...problem, message: withoutTokens(problem.message) },
    found,
    refuses,
  }))
