import { z } from 'zod'
import { WindowPoStOutput, WindowPoStTask } from '../processor/post.js'
import { method, param, service } from '../rpc/method.js'
import { nameSchemas } from '../rpc/schema-names.js'
import { orNull } from '../rpc/zero-value.js'

/** The right to work on a task: one that was given to somebody else meanwhile has another number of retries, or was begun at another time. */
export const WindowTaskClaim = z.object({
  id: z.string(),
  retry_count: z.int().nonnegative(),
  /** Seconds since the Unix epoch. */
  started_at: z.int().nonnegative(),
})
export type WindowTaskClaim = z.infer<typeof WindowTaskClaim>

export const GivenWindowTask = z.object({ claim: WindowTaskClaim, task: WindowPoStTask })
export type GivenWindowTask = z.infer<typeof GivenWindowTask>

/** `recorded` · `known`: the task has an output already · `unknown`: there is no such task any more. */
export const WindowOutputOutcome = z.enum(['recorded', 'known', 'unknown'])
export type WindowOutputOutcome = z.infer<typeof WindowOutputOutcome>

nameSchemas({ WindowTaskClaim, GivenWindowTask, WindowOutputOutcome })

const slave = param('slave', z.string().min(1).max(100))
const claim = param('claim', WindowTaskClaim)

/** What a slave asks of its `wdpost` master. */
export const windowTaskService = service('WdPost', {
  Claim: method(
    'Gives the oldest waiting task to a slave, trials last; null when there is none. `sector_sizes`: those it can prove, null for all.',
    [slave, param('sector_sizes', orNull(z.array(z.int().positive())))],
    orNull(GivenWindowTask),
    { permission: 'write' },
  ),
  Heartbeat: method(
    'Tells that a slave is at work; the ids of the tasks that are not its own any more.',
    [slave, param('claims', z.array(WindowTaskClaim))],
    z.array(z.string()),
    { permission: 'write' },
  ),
  Complete: method('Hands in an output.', [slave, claim, param('output', WindowPoStOutput)], WindowOutputOutcome, {
    permission: 'write',
  }),
  Fail: method(
    'Tells why there is no output; false when the task is not the slave’s any more.',
    [slave, claim, param('reason', z.string())],
    z.boolean(),
    { permission: 'write' },
  ),
  Release: method(
    'Gives a task back as it was; false when it is not the slave’s any more.',
    [slave, claim],
    z.boolean(),
    {
      permission: 'write',
    },
  ),
})
