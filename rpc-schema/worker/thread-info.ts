import { z } from 'zod'
import { orAbsent, orNull, Text } from '../rpc/zero-value.js'
import { Uint64 } from '../wire/numbers.js'

/** What a sealing thread is at; `elapsed` in seconds, `proc` the processor that runs the present stage. */
export const ThreadState = z.discriminatedUnion('state', [
  z.object({ state: z.literal('Idle') }),
  z.object({ elapsed: Uint64, state: z.literal('Paused') }),
  z.object({ elapsed: Uint64, proc: orNull(z.string()), state: z.literal('Running') }),
  z.object({ elapsed: Uint64, state: z.literal('Waiting') }),
])
export type ThreadState = z.infer<typeof ThreadState>

/** How far the running stage is, by its processor. `eta` in seconds. */
export const ThreadProgress = z.object({
  eta: orAbsent(Uint64),
  percent: orAbsent(z.number().min(0).max(100)),
  step: orAbsent(z.string()),
})
export type ThreadProgress = z.infer<typeof ThreadProgress>

/** `draining`: takes no new sector after its present one; `drained`: has none any more. */
export const ThreadDrain = z.enum(['draining', 'drained'])
export type ThreadDrain = z.infer<typeof ThreadDrain>

/**
 * One sealing thread. `drain` and `progress` are Sealyard's and left out where they do not apply. `job_state` is empty without a
 * job, `location` is `-` for a thread without a store.
 */
export const ThreadInfo = z.object({
  drain: orAbsent(ThreadDrain),
  index: Uint64,
  job_id: orNull(z.string()),
  job_stage: orNull(z.string()),
  job_state: Text,
  last_error: orNull(z.string()),
  location: Text,
  plan: Text,
  progress: orAbsent(ThreadProgress),
  thread_state: ThreadState,
})
export type ThreadInfo = z.infer<typeof ThreadInfo>
