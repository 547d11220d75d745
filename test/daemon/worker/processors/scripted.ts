import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { type Logger, pino } from 'pino'
import { type Clock, systemClock } from '../../../../daemon/kit/clock.js'
import { silentLog } from '../../../../daemon/kit/log.js'
import { ProcessorError } from '../../../../daemon/kit/processors/processor-error.js'
import {
  type ChildConfig,
  createProcessors,
  DEFAULT_CHILD,
  DEFAULT_PROCESSORS,
  type Processors,
  type ProcessorsConfig,
  type ProcessorsDeps,
  type StageRun,
} from '../../../../daemon/worker/processors/processors.js'
import type { BuiltInStages } from '../../../../plugins/stages/built-in-stages.js'

/** Tests run from `dist/`; fixtures stay in the source tree. */
const SCRIPTED_CHILD = fileURLToPath(
  new URL('../../../../../test/fixtures/processors/scripted-child.mjs', import.meta.url),
)

/** An entry that starts the scripted child: `args` are its start behaviour. */
export function scripted(overrides: Partial<ChildConfig> = {}, ...args: string[]): ChildConfig {
  return {
    ...DEFAULT_CHILD,
    bin: process.execPath,
    args: [SCRIPTED_CHILD, 'c2', ...(args.length === 0 ? ['ready'] : args)],
    ...overrides,
  }
}

/** The same for any stage: every task is answered by one behaviour. */
export function scriptedFor(stage: string, behaviour: string, overrides: Partial<ChildConfig> = {}): ChildConfig {
  return { ...DEFAULT_CHILD, bin: process.execPath, args: [SCRIPTED_CHILD, stage, 'does', behaviour], ...overrides }
}

const noBuiltIn: BuiltInStages = {
  run: () => Promise.reject(new Error('nothing is built in here')),
  close: () => Promise.resolve(),
}

/** Workers' processors that a test opened; close them in `afterEach`. */
export class OpenProcessors {
  readonly #open: Processors[] = []

  create(config: Partial<ProcessorsConfig>, deps: Partial<ProcessorsDeps> = {}): Processors {
    const processors = createProcessors(
      { ...DEFAULT_PROCESSORS, ...config },
      { log: silentLog, clock: systemClock, builtIn: noBuiltIn, ...deps },
    )
    this.#open.push(processors)
    return processors
  }

  async closeAll(): Promise<void> {
    await Promise.all(this.#open.splice(0).map(each => each.close()))
  }
}

/** Sends a script to a c2 child and gives back what it answered. */
export async function play(
  processors: Processors,
  script: { do: string; [key: string]: unknown },
  run?: StageRun,
): Promise<unknown> {
  const c1out = { registered_proof: 'StackedDrg2KiBV1_1', ...script }
  const { proof } = await processors.run(
    'c2',
    { c1out, prover_id: new Uint8Array(32), sector_id: 1, miner_id: 1000 },
    run,
  )
  return JSON.parse(Buffer.from(proof).toString())
}

export interface LogLine {
  readonly level: number
  readonly msg: string
  readonly [field: string]: unknown
}

/** A log that remembers. */
export function rememberingLog(): { log: Logger; lines: LogLine[] } {
  const lines: LogLine[] = []
  const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  return { log, lines }
}

/** Pauses before restarts are skipped, everything else takes its time. */
export const hastyClock: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(ms === 3_000 || ms === 6_000 ? 10 : ms, signal),
}

/** What a task failed with. */
export async function failure(work: Promise<unknown>): Promise<ProcessorError> {
  const error = await work.then(
    () => expect.fail('the task should have failed'),
    error => error,
  )
  expect(error).to.be.instanceOf(ProcessorError)
  return error
}
