import { z } from 'zod'
import type { Progress } from '../../rpc-schema/processor/frames.js'
import type { StageDeclaration } from '../../rpc-schema/processor/stages.js'
import { schemaIssuesText } from '../../rpc-schema/schema-issue.js'
import { SealError } from '../../rpc-schema/seal-error.js'
import type { Logger } from './processor-log.js'

/** What a running task can use. */
export interface TaskContext {
  /** The request's id, unique within this process. */
  readonly id: number
  /**
   * Aborts when the result is not wanted any more: the parent closed our stdin, or told this process to end (SIGTERM). A task then
   * has a moment to tidy up, see `tidyMs`.
   */
  readonly signal: AbortSignal
  /** Goes to stderr, with the request's id. */
  readonly log: Logger
  /** Tells the parent how far the task is, when it asked for that; a few times a second at most, whatever is called. */
  progress(progress: Progress): void
}

export interface CustomStage<T extends z.ZodType = z.ZodType, O extends z.ZodType = z.ZodType>
  extends StageDeclaration<T, O> {
  /** As in `[[processors.<name>]]` and in the ready line. */
  readonly name: string
}

export type StageHandler<T extends z.ZodType, O extends z.ZodType> = (
  task: z.output<T>,
  context: TaskContext,
) => z.output<O> | Promise<z.output<O>>

/** A handler whose types are those of a stage that is only known by its name. */
export type AnyStageHandler = StageHandler<z.ZodType, z.ZodType>

/**
 * One task as it stands in a request, to an output as it stands in a response. The handler sees and returns decoded values only: what
 * does not fit the schemas, on either side, is an error that names the place.
 */
export async function runStage<T extends z.ZodType, O extends z.ZodType>(
  stage: CustomStage<T, O>,
  handler: StageHandler<T, O>,
  encodedTask: unknown,
  context: TaskContext,
): Promise<unknown> {
  const task = z.safeDecode(stage.task, encodedTask as z.input<T>)
  if (!task.success)
    throw new SealError('permanent', `bad ${stage.name} task: ${schemaIssuesText(task.error, encodedTask)}`)
  const result = await handler(task.data, context)
  const output = z.safeEncode(stage.output, result)
  if (output.success) return output.data
  throw new SealError(
    'permanent',
    `the ${stage.name} processor made a bad output: ${schemaIssuesText(output.error, result)}`,
  )
}
