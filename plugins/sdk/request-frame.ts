import { z } from 'zod'
import { AnyRequestFrame } from '../../rpc-schema/processor/frames.js'

export type RequestLine =
  | { readonly kind: 'request'; readonly id: number; readonly task: unknown }
  /** Cannot be worked on. With an id the caller can be told. */
  | { readonly kind: 'bad'; readonly id: number | undefined; readonly problem: string }

/** An id at the very beginning of a line that is no JSON: half a frame, or one with a slip in its task. */
const LEADING_ID = /^\s*\{\s*"id"\s*:\s*(\d{1,15})\s*[,}]/

/** Reads one line of stdin. The task is looked at later, by the stage's own schema. */
export function readRequestLine(line: string): RequestLine {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (error) {
    const id = LEADING_ID.exec(line.slice(0, 100))?.[1]
    return {
      kind: 'bad',
      id: id === undefined ? undefined : Number(id),
      problem: `the request is not JSON: ${(error as Error).message}`,
    }
  }
  const frame = AnyRequestFrame.safeParse(value)
  if (frame.success) return { kind: 'request', ...frame.data }
  const fields: { id?: unknown; task?: unknown } = typeof value === 'object' && value !== null ? value : {}
  return {
    kind: 'bad',
    id: typeof fields.id === 'number' && Number.isSafeInteger(fields.id) ? fields.id : undefined,
    problem: fields.task === undefined ? 'the request has no task' : `bad request: ${z.prettifyError(frame.error)}`,
  }
}
