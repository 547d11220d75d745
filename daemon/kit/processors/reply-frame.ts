import { AnyResponseFrame, type Progress, ProgressFrame } from '../../../rpc-schema/processor/frames.js'
import { SEAL_ERROR_CLASSES, type SealErrorClass } from '../../../rpc-schema/seal-error.js'

/** A line of a processor's stdout, understood. */
export type ReplyFrame =
  | { readonly kind: 'output'; readonly id: number; readonly output: unknown }
  | {
      readonly kind: 'error'
      readonly id: number
      readonly message: string
      readonly errorClass?: SealErrorClass | undefined
    }
  | { readonly kind: 'progress'; readonly id: number; readonly progress: Progress }

/** undefined: the line is no frame of the protocol. */
export function readReplyFrame(line: string): ReplyFrame | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  if ('progress' in value) {
    const frame = ProgressFrame.safeParse(value)
    if (frame.success) return { kind: 'progress', ...frame.data }
  }
  const frame = AnyResponseFrame.safeParse(value)
  if (!frame.success) return undefined
  const { id, err_msg: message, output } = frame.data
  if (message !== null) return { kind: 'error', id, message, errorClass: readErrorClass(value) }
  if (output === null) return { kind: 'error', id, message: 'output field lost' }
  return { kind: 'output', id, output }
}

/** Our own processors tell the class of an error in `err_class`, so that it survives the way between the processes. */
const readErrorClass = (value: object): SealErrorClass | undefined =>
  'err_class' in value ? SEAL_ERROR_CLASSES.find(each => each === value.err_class) : undefined
