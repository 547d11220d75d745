/** One thing wrong in a configuration file. */
export interface ConfigProblem {
  /** From 1; undefined when the thing is not in the file at all. */
  line: number | undefined
  /** Dotted key path; empty for the file itself. */
  path: string
  message: string
}

/** `FILE:line: key.path: expected …, found …` */
export function problemText(file: string, problem: ConfigProblem): string {
  const where = problem.line === undefined ? file : `${file}:${problem.line}`
  return problem.path === '' ? `${where}: ${problem.message}` : `${where}: ${problem.path}: ${problem.message}`
}

/** A configuration that cannot be used, with every reason at once. */
export class ConfigError extends Error {
  readonly file: string
  readonly problems: readonly ConfigProblem[]

  constructor(file: string, problems: readonly ConfigProblem[], options?: { cause?: unknown }) {
    super(problems.map(problem => problemText(file, problem)).join('\n'), options)
    this.name = 'ConfigError'
    this.file = file
    this.problems = problems
  }
}
