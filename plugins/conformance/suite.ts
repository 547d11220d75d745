import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { PROGRESS_ENV, parseReadyLine } from '../../rpc-schema/processor/frames.js'
import { DAEMON_STAGE } from '../../rpc-schema/processor/stages.js'
import { anyTask, type Check, type Finding, fail, skip, type Trial } from './check.js'
import { CONVERSATION_CHECKS } from './conversation-checks.js'
import { LIFE_CHECKS, RECORD_CHECKS } from './life-checks.js'
import { type FirstLine, type Limits, Subject, SubjectError, type SubjectRecord } from './subject.js'
import { type TrialTasks, trialTasks } from './trial-tasks.js'

/** All checks in their order. */
export const CHECKS: readonly Check[] = [...CONVERSATION_CHECKS, ...LIFE_CHECKS, ...RECORD_CHECKS]

/** A program that says nothing of `stable_wait` has 5 s to be ready, and 3 s to end before it is killed. */
export const DEFAULT_LIMITS: Limits = { readyMs: 60_000, readySoonMs: 5_000, answerMs: 30_000, exitMs: 3_000 }
export const DEFAULT_BIG_FRAME_BYTES = 64 << 20

export interface SuiteOptions {
  readonly bin: string
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
  /** What the ready line must name. Default: what it names. */
  readonly stage?: string | undefined
  /** Tasks as they stand in requests, in place of the built-in ones. */
  readonly validTask?: unknown
  readonly failingTask?: unknown
  readonly limits?: Partial<Limits>
  readonly bigFrameBytes?: number | undefined
  /** Names of the checks to run. Default: all. The ready line is always looked at. */
  readonly checks?: readonly string[] | undefined
  /** Ends the trial and the processes. */
  readonly signal?: AbortSignal | undefined
  onStderr?(chunk: Buffer): void
  onResult?(result: CheckResult): void
}

export interface CheckResult {
  readonly check: string
  readonly level: Check['level']
  /** `warn`: a recommended check failed. */
  readonly result: 'pass' | 'fail' | 'warn' | 'skip'
  readonly expected: string
  readonly seen: string
  /** Last lines of the log, when the check did not pass. */
  readonly stderr?: readonly string[]
}

export interface SuiteReport {
  readonly command: readonly string[]
  /** As given, or as the ready line says. */
  readonly stage: string | undefined
  /** No required check failed. */
  readonly conforms: boolean
  readonly results: readonly CheckResult[]
}

/** Runs all checks against an executable. Its faults are in the report; rejects only when the signal aborts. */
export async function runConformance(options: SuiteOptions): Promise<SuiteReport> {
  const directory = await mkdtemp(path.join(tmpdir(), 'sealyard-conformance-'))
  const lives = new Lives(options)
  const results: CheckResult[] = []
  const onResult = (result: CheckResult): void => {
    results.push(result)
    options.onResult?.(result)
  }
  try {
    const stage = await runChecks(options, lives, directory, onResult)
    options.signal?.throwIfAborted()
    return {
      command: [options.bin, ...options.args],
      stage,
      conforms: results.every(({ result }) => result !== 'fail'),
      results,
    }
  } finally {
    await lives.endAll()
    await rm(directory, { recursive: true, force: true })
  }
}

async function runChecks(
  options: SuiteOptions,
  lives: Lives,
  directory: string,
  onResult: (result: CheckResult) => void,
): Promise<string | undefined> {
  const checks = selected(options.checks)
  let first: FirstLine
  try {
    first = await lives.start()
  } catch (error) {
    const report = (check: Check, finding: Finding): void => onResult(resultOf(check, finding, lives.lastStderr))
    const [ready, ...others] = checks
    report(ready!, fail(errorText(error)))
    for (const check of others) report(check, skip('it was never ready'))
    return options.stage
  }

  const stage = options.stage ?? parseReadyLine(first.line) ?? '<stage>'
  const tasks = await trialTasks(stage, directory, { valid: options.validTask, failing: options.failingTask })
  const trial: Trial = {
    stage,
    limits: lives.limits,
    tasks,
    first,
    bigFrameBytes: options.bigFrameBytes ?? DEFAULT_BIG_FRAME_BYTES,
    records: lives.records,
    shared: () => lives.shared(),
    fresh: fresh => lives.fresh(fresh?.progress ?? false),
  }
  let silent = false
  for (const check of checks) {
    options.signal?.throwIfAborted()
    // What all lives left behind can be told when they are over.
    if (RECORD_CHECKS.includes(check)) await lives.endAll()
    const finding: Finding =
      silent && check.needs !== undefined ? skip('it answers nothing') : await find(check, trial, lives)
    if (finding.outcome === 'fail') await lives.discardShared()
    // Each of the others would wait for its whole time.
    silent ||= check.name === 'answers' && finding.outcome === 'fail'
    onResult(resultOf(check, finding, lives.lastStderr))
  }
  return stage
}

/** What is told of all output needs conversation before. */
function selected(names: readonly string[] | undefined): readonly Check[] {
  if (names === undefined) return CHECKS
  const unknown = names.find(name => !CHECKS.some(check => check.name === name))
  if (unknown !== undefined)
    throw new Error(`there is no check ${unknown}, only ${CHECKS.map(({ name }) => name).join(', ')}`)
  const records = RECORD_CHECKS.some(({ name }) => names.includes(name))
  return CHECKS.filter(
    check => check === CHECKS[0] || names.includes(check.name) || (records && CONVERSATION_CHECKS.includes(check)),
  )
}

async function find(check: Check, trial: Trial, lives: Lives): Promise<Finding> {
  const lacking = lackingTask(check, trial)
  if (lacking !== undefined) return skip(lacking)
  try {
    return await check.run(trial)
  } catch (error) {
    return fail(errorText(error))
  } finally {
    await lives.endFresh()
  }
}

const GIVE: Readonly<Record<NonNullable<Check['needs']>, string>> = {
  task: 'give --task or --failing-task',
  'failing task': 'give --failing-task',
  'valid task': 'give --task',
}

function lackingTask({ needs }: Check, trial: Trial): string | undefined {
  const { tasks, stage }: { tasks: TrialTasks; stage: string } = trial
  const there = { task: anyTask(trial), 'failing task': tasks.failing, 'valid task': tasks.valid }
  if (needs === undefined || there[needs] !== undefined) return undefined
  return stage === DAEMON_STAGE ? 'such processes get no tasks' : `no ${needs} is built in for ${stage}: ${GIVE[needs]}`
}

function resultOf(check: Check, { outcome, seen }: Finding, stderr: readonly string[]): CheckResult {
  const { name, level, expected } = check
  const result = outcome === 'fail' && level === 'recommended' ? 'warn' : outcome
  const bad = outcome === 'fail' && stderr.length > 0
  return { check: name, level, result, expected, seen, ...(bad ? { stderr } : {}) }
}

function errorText(error: unknown): string {
  // Anything else than what the subject did is a fault of the suite itself.
  if (!(error instanceof SubjectError)) throw error
  return error.message
}

/** The processes of one trial. */
class Lives {
  readonly limits: Limits
  readonly records: SubjectRecord[] = []
  readonly #options: SuiteOptions
  readonly #fresh = new Set<Subject>()
  #shared: Subject | undefined
  #last: Subject | undefined

  constructor(options: SuiteOptions) {
    this.#options = options
    this.limits = { ...DEFAULT_LIMITS, ...options.limits }
    options.signal?.addEventListener('abort', () => {
      for (const subject of [...this.#fresh, this.#shared]) void subject?.kill()
    })
  }

  get lastStderr(): readonly string[] {
    return this.#last?.stderr ?? []
  }

  /** The first life: its first line, whatever it says. */
  async start(): Promise<FirstLine> {
    this.#shared = await this.#spawn(false)
    return await this.#shared.firstLine
  }

  async shared(): Promise<Subject> {
    if (this.#shared?.running) {
      this.#last = this.#shared
      return this.#shared
    }
    const subject = await this.#spawn(false)
    this.#shared = subject
    await subject.firstLine
    return subject
  }

  async fresh(progress: boolean): Promise<Subject> {
    const subject = await this.#spawn(progress)
    this.#fresh.add(subject)
    await subject.firstLine
    return subject
  }

  async endFresh(): Promise<void> {
    for (const subject of this.#fresh) await subject.end()
    this.#fresh.clear()
  }

  async discardShared(): Promise<void> {
    await this.#shared?.kill()
    this.#shared = undefined
  }

  async endAll(): Promise<void> {
    await this.endFresh()
    await this.#shared?.end()
    this.#shared = undefined
  }

  async #spawn(progress: boolean): Promise<Subject> {
    this.#options.signal?.throwIfAborted()
    const { bin, args, env: given, onStderr } = this.#options
    const { [PROGRESS_ENV]: _, ...env } = given
    const command = { bin, args, env: progress ? { ...env, [PROGRESS_ENV]: '1' } : env }
    const subject = await Subject.start(command, this.limits, progress, onStderr)
    this.records.push(subject.record)
    this.#last = subject
    return subject
  }
}
