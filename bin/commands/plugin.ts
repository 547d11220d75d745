import { readFile } from 'node:fs/promises'
import { Command, InvalidArgumentError, Option } from 'commander'
import { parseByteSize } from '../../daemon/kit/config/byte-size.js'
import { parseDuration } from '../../daemon/kit/config/duration.js'
import { tableText } from '../../daemon/kit/terminal/table.js'
import { reportText } from '../../plugins/conformance/report.js'
import {
  type CheckResult,
  DEFAULT_BIG_FRAME_BYTES,
  DEFAULT_LIMITS,
  runConformance,
} from '../../plugins/conformance/suite.js'
import { stageReference, stageSchemas } from '../../plugins/sdk/stage-reference.js'
import { isStage, STAGE_NAMES, type STAGES } from '../../rpc-schema/processor/stages.js'

/** `sealyard plugin`: what the author of a processor needs besides the SDK. */
export function pluginCommand(): Command {
  return new Command('plugin')
    .description('for authors of processors: does an executable speak the protocol, and what the stages exchange')
    .addCommand(testCommand())
    .addCommand(schemaCommand())
}

interface TestOptions {
  stage?: string
  task?: string
  failingTask?: string
  timeout: number
  readyTimeout: number
  exitTimeout: number
  bigFrame: number
  json?: true
  check?: string[]
  stderr?: true
}

const parsedBy =
  <T>(parse: (text: string) => T) =>
  (text: string): T => {
    try {
      return parse(text)
    } catch (error) {
      throw new InvalidArgumentError((error as Error).message)
    }
  }

const duration = (flags: string, description: string, ms: number): Option =>
  new Option(flags, description).argParser(parsedBy(parseDuration)).default(ms, `${ms / 1000}s`)

function testCommand(): Command {
  return new Command('test')
    .description('run the conformance suite against an executable; exit 1 when a required check fails')
    .usage('[options] -- BIN [ARGS...]')
    .argument('<command...>', 'the executable and its arguments, as `bin` and `args` of [[processors.<stage>]]')
    .option('--stage <name>', 'what the ready line must name (default: what it names)')
    .option('--task <file>', 'a task that must succeed, as JSON; needed to check the output of most stages')
    .option('--failing-task <file>', 'a task that must fail, as JSON (default: one with missing files, by stage)')
    .addOption(duration('--timeout <duration>', 'the longest wait for an answer', DEFAULT_LIMITS.answerMs))
    .addOption(duration('--ready-timeout <duration>', 'the longest wait for the ready line', DEFAULT_LIMITS.readyMs))
    .addOption(duration('--exit-timeout <duration>', 'the longest wait for its end', DEFAULT_LIMITS.exitMs))
    .addOption(
      new Option('--big-frame <size>', 'size of the big request')
        .argParser(parsedBy(parseByteSize))
        .default(DEFAULT_BIG_FRAME_BYTES, '64MiB'),
    )
    .option('--check <names...>', 'run only these checks, and what they build upon')
    .option('--stderr', 'pass on what the executable writes to stderr')
    .option('--json', 'print the report as JSON')
    .action(test)
}

async function test([bin, ...args]: string[], options: TestOptions, command: Command): Promise<void> {
  const [validTask, failingTask] = await Promise.all([taskFile(options.task), taskFile(options.failingTask)])
  const interrupted = new AbortController()
  const interrupt = (): void => interrupted.abort(new Error('interrupted'))
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt)
  const terminal = !options.json && process.stderr.isTTY === true
  try {
    const report = await runConformance({
      bin: bin!,
      args,
      env: process.env,
      stage: options.stage,
      validTask,
      failingTask,
      limits: { answerMs: options.timeout, readyMs: options.readyTimeout, exitMs: options.exitTimeout },
      bigFrameBytes: options.bigFrame,
      checks: options.check,
      signal: interrupted.signal,
      ...(options.stderr ? { onStderr: (chunk: Buffer) => void process.stderr.write(chunk) } : {}),
      onResult: ({ check, result }: CheckResult) => {
        if (terminal) process.stderr.write(`\r\x1b[2K${check}: ${result}`)
      },
    })
    if (terminal) process.stderr.write('\r\x1b[2K')
    const text = options.json ? JSON.stringify(report, null, 2) : reportText(report, tableText)
    command.configureOutput().writeOut?.(`${text}\n`)
    if (!report.conforms) process.exitCode = 1
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
  }
}

async function taskFile(file: string | undefined): Promise<unknown> {
  if (file === undefined) return undefined
  const text = await readFile(file, 'utf8')
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Error(`${file} is not JSON`, { cause: error })
  }
}

function schemaCommand(): Command {
  return new Command('schema')
    .description('the task and the output of a stage, or of all')
    .argument('[stage]', `one of ${STAGE_NAMES.join(', ')}`, stage => {
      if (!isStage(stage)) throw new InvalidArgumentError(`expected one of ${STAGE_NAMES.join(', ')}`)
      return stage
    })
    .option('--json', 'print JSON Schema, for code generators and validators')
    .action((stage: keyof typeof STAGES | undefined, options: { json?: true }, command: Command) => {
      const names = stage === undefined ? STAGE_NAMES : [stage]
      const text = options.json ? JSON.stringify(stageSchemas(names), null, 2) : stageReference(names)
      command.configureOutput().writeOut?.(`${text.trimEnd()}\n`)
    })
}
