import { z } from 'zod'
import { orNull } from '../rpc/zero-value.js'
import { Uint64 } from '../wire/numbers.js'

// A processor child speaks one JSON document a line on stdin and stdout; its logs go to stderr. Its first line is the ready line.
// Then every request is answered by one response with the same id, in any order.

const READY = /^(\S+) processor ready$/

/** The first line of a child that serves `stage`, without the line end. */
export const readyLine = (stage: string): string => `${stage} processor ready`

/** The stage that a ready line announces; undefined for any other line. */
export const parseReadyLine = (line: string): string | undefined => READY.exec(line.trim())?.[1]

/** `{id, task}`; ids count up from 1 and go on after a restart of the child. */
export const requestFrame = <S extends z.ZodType>(task: S) => z.object({ id: Uint64, task })
export interface RequestFrame<T = unknown> {
  id: number
  task: T
}

/** `{id, err_msg, output}`: an error text, or an output. Both null is a child's mistake, except where the output itself is null. */
export const responseFrame = <S extends z.ZodType>(output: S) =>
  z.object({ id: Uint64, err_msg: orNull(z.string()), output: orNull(output) })
export interface ResponseFrame<O = unknown> {
  id: number
  err_msg: string | null
  output: O | null
}

/** How far a task is. All members may be missing: a sign of life. */
export const Progress = z.object({
  /** Part of the work that is done, 0–1. */
  done: z.number().min(0).max(1).optional(),
  /** What the child is at. */
  step: z.string().optional(),
})
export type Progress = z.infer<typeof Progress>

/**
 * Sealyard's addition: `{id, progress}` any number of times before the response. Only sent to a parent that has set
 * {@link PROGRESS_ENV}, since others take every line with an id for a response.
 */
export const ProgressFrame = z.object({ id: Uint64, progress: Progress })
export type ProgressFrame = z.infer<typeof ProgressFrame>

/** Environment variable (`1`) by which a parent tells a child that it understands progress frames. */
export const PROGRESS_ENV = 'SEALYARD_PROCESSOR_PROGRESS'

/** A request before its task is looked at: what can still be answered with an error when the task is wrong. */
export const AnyRequestFrame = requestFrame(z.unknown())
/** A response before its output is looked at. */
export const AnyResponseFrame = responseFrame(z.unknown())
