import { z } from 'zod'
import { orNull, Text } from '../rpc/zero-value.js'
import { Uint64 } from '../wire/numbers.js'

/** What a sealing thread is at; `elapsed` in seconds, `proc` the processor that runs the present stage. */
export const ThreadState = z.discriminatedUnion('state', [
  z.object({ state: z.literal('Idle') }),
  z.object({ elapsed: Uint64, state: z.literal('Paused') }),
  z.object({ elapsed: Uint64, proc: orNull(z.string()), state: z.literal('Running') }),
  z.object({ elapsed: Uint64, state: z.literal('Waiting') }),
])
export type ThreadState = z.infer<typeof ThreadState>

/** One sealing thread. `job_state` is empty without a job, `location` is `-` for a thread without a store. */
export const ThreadInfo = z.object({
  index: Uint64,
  job_id: orNull(z.string()),
  job_stage: orNull(z.string()),
  job_state: Text,
  last_error: orNull(z.string()),
  location: Text,
  plan: Text,
  thread_state: ThreadState,
})
export type ThreadInfo = z.infer<typeof ThreadInfo>
