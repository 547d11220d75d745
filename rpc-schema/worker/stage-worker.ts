import { z } from 'zod'
import { StagePath } from '../manager/stages.js'
import { method, param, service } from '../rpc/method.js'
import { Null, Text } from '../rpc/zero-value.js'
import { STAGE_KINDS } from '../stages/kinds.js'
import { list } from '../wire/list.js'
import { Uint64 } from '../wire/numbers.js'

const Kind = z.enum(STAGE_KINDS)

/** A task that a stage worker is at; `Activity`: what it does just now, in a word. */
export const StageTaskAtWork = z.object({
  Task: z.string(),
  Kind,
  Sector: z.string(),
  State: Text,
  Activity: z.string(),
  Seconds: Uint64,
})
export type StageTaskAtWork = z.infer<typeof StageTaskAtWork>

export const StageWorkerStatus = z.object({
  ID: z.string(),
  Name: z.string(),
  Version: z.string(),
  Machine: z.string(),
  Manager: z.string(),
  ManagerAnswers: z.boolean(),
  Quiet: z.boolean(),
  Kinds: list(Kind),
  MemoryBytes: Uint64,
  Cores: Uint64,
  GPUs: list(z.string()),
  Paths: list(StagePath),
  Tasks: list(StageTaskAtWork),
})
export type StageWorkerStatus = z.infer<typeof StageWorkerStatus>

const admin = { permission: 'admin' } as const

/** What `venus-worker` asks a running stage worker for. */
export const stageWorkerService = service('StageWorker', {
  Status: method('What the worker is and is at.', [], StageWorkerStatus),
  EnableKinds: method(
    'Takes these kinds of tasks from now on, or does not; answers all that it takes.',
    [param('kinds', list(Kind)), param('enable', z.boolean())],
    list(Kind),
    admin,
  ),
  SetQuiet: method('Takes nothing new from now on, or does so again.', [param('quiet', z.boolean())], Null, admin),
  Stop: method('Stops the worker; what it is at goes on elsewhere or at its next start.', [], Null, admin),
})
