import { createHash } from 'node:crypto'
import { z } from 'zod'
import { WindowPoStOutput, WindowPoStTask } from '../../../rpc-schema/processor/post.js'

// What the bodies of a row hold: JSON, as it stands in a request and a response of the processor protocol.

export interface TaskBody {
  /** 32 hex digits of what is to be proven: who asks for it again finds it again. */
  readonly id: string
  /** The same for the same sectors, whatever the challenge. */
  readonly subject: string
  /** Nobody sends its proof to the chain: a trial is never the same task as a proof that is sent, whatever they show. */
  readonly isTrial: boolean
  readonly text: string
}

export function taskBody(task: WindowPoStTask): TaskBody {
  const { seed: _, ...rest } = task
  const text = JSON.stringify(z.encode(WindowPoStTask, task))
  const subject = JSON.stringify(z.encode(WindowPoStTask.omit({ seed: true }), rest))
  return { id: digest(text), subject: digest(subject), isTrial: task.trial === true, text }
}

export const taskOf = (text: string): WindowPoStTask => z.decode(WindowPoStTask, JSON.parse(text))

export const outputText = (output: WindowPoStOutput): string => JSON.stringify(z.encode(WindowPoStOutput, output))

export const outputOf = (text: string): WindowPoStOutput => z.decode(WindowPoStOutput, JSON.parse(text))

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32)
