import { pino } from 'pino'
import type { z } from 'zod'
import { STAGES, type StageName, type StageOutput, type StageTask } from '../../rpc-schema/processor/stages.js'
import { type ServeOptions, serveCustomProcessor } from './serve-processor.js'
import { type AnyStageHandler, type CustomStage, runStage, type StageHandler, type TaskContext } from './stage-run.js'

/** A stage that is not one of `STAGES`, or one of them with a schema of one's own. */
export interface StageDefinition<T extends z.ZodType, O extends z.ZodType> {
  /** As in `[[processors.<stage>]]` and in the ready line: one word. */
  readonly stage: string
  readonly summary?: string
  readonly task: T
  /** An output of null does not reach the parent: by the protocol, that is an output that was lost. */
  readonly output: O
}

export interface Processor {
  readonly stage: CustomStage
  /** Serves the stage on stdin and stdout until the parent goes away or tells this process to end; then ends the process. */
  serve(options?: ServeOptions): Promise<void>
  /**
   * One task in this process, without any child, for tests: JSON in, JSON out, both checked as on the wire. Throws what would become
   * `err_msg`.
   */
  run(task: unknown, context?: Partial<TaskContext>): Promise<unknown>
}

/**
 * A processor for one stage. Tasks and outputs are decoded (commitments and proofs are bytes, proof types are numbers) and checked:
 * ```ts
 * await defineProcessor('c2', async (task, { log, progress, signal }) => ({ proof: await prove(task.c1out) })).serve()
 * ```
 * The handler is called for many tasks at once, as many as the parent sends. An error it throws becomes the answer: its message, those
 * of its causes, and its class when it is a `SealError`. Work that computes must leave the event loop free (threads, another process),
 * or no other request is read meanwhile, and SIGTERM is not heard.
 */
export function defineProcessor<T extends z.ZodType, O extends z.ZodType>(
  stage: StageDefinition<T, O>,
  handler: StageHandler<T, O>,
): Processor
// The last one is what the compiler's messages are about.
export function defineProcessor<S extends StageName>(
  stage: S,
  handler: (task: StageTask<S>, context: TaskContext) => StageOutput<S> | Promise<StageOutput<S>>,
): Processor
export function defineProcessor(
  stage: StageName | StageDefinition<z.ZodType, z.ZodType>,
  handler: AnyStageHandler,
): Processor {
  const declaration = typeof stage === 'string' ? builtInStage(stage) : ownStage(stage)
  return {
    stage: declaration,
    serve: options => serveCustomProcessor(declaration, handler, options),
    run: (task, context) => runStage(declaration, handler, task, { ...QUIET, ...context }),
  }
}

const QUIET: TaskContext = {
  id: 1,
  signal: new AbortController().signal,
  log: pino({ level: 'silent' }),
  progress: () => {},
}

function builtInStage(name: StageName): CustomStage {
  if (!Object.hasOwn(STAGES, name))
    throw new Error(
      `there is no stage ${JSON.stringify(name)}, only ${Object.keys(STAGES).join(', ')}; give the schemas of a stage of your own`,
    )
  return { name, ...STAGES[name] }
}

function ownStage({ stage, summary = '', task, output }: StageDefinition<z.ZodType, z.ZodType>): CustomStage {
  if (!/^\S+$/.test(stage)) throw new Error(`the name of a stage is one word, found ${JSON.stringify(stage)}`)
  return { name: stage, summary, task, output }
}
