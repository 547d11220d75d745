import { z } from 'zod'
import { method, param } from '../rpc/method.js'
import { Bool, Null, orNull, Text } from '../rpc/zero-value.js'
import { STAGE_KINDS } from '../stages/kinds.js'
import { list } from '../wire/list.js'
import { ActorId, Int64, Uint64 } from '../wire/numbers.js'
import { SectorID } from '../wire/sector-id.js'
import { SECTOR_STATES } from '../worker/sector-states.js'
import { AllocatedSector } from './allocation.js'

const Kind = z.enum(STAGE_KINDS)

/** A path as a worker has attached it; `ID` stands in its identity file. `Location` is for people. */
export const StagePath = z.object({
  ID: z.string().min(1).max(64),
  Location: Text,
  CanSeal: Bool,
  CanStore: Bool,
  FreeBytes: Uint64,
})
export type StagePath = z.infer<typeof StagePath>

/** The right to work on a task; void as soon as the task is somebody else's. */
export const StageClaim = z.object({ Task: z.string(), Fence: Uint64 })
export type StageClaim = z.infer<typeof StageClaim>

/**
 * What a stage worker is and does. `ID` outlasts its process, `Boot` does not. `MemoryBytes` are its machine's, `Cores` and `GPUs` those that it may
 * use. `Url` and `Token` are for workers that fetch files from it. `Claims`: what it is at.
 */
export const StageWorkerReport = z.object({
  ID: z.string().min(1).max(64),
  Boot: z.string().min(1).max(32),
  Name: z.string(),
  Version: Text,
  Machine: z.string(),
  Kinds: list(Kind),
  Quiet: Bool,
  SectorSizes: list(Uint64),
  Paths: list(StagePath),
  MemoryBytes: Uint64,
  Cores: Uint64,
  GPUs: list(z.string()),
  Posting: Bool,
  FetchLimit: Uint64,
  TasksAtOnce: Uint64,
  Url: Text,
  Token: Text,
  Claims: list(StageClaim),
})
export type StageWorkerReport = z.infer<typeof StageWorkerReport>

/** Files of a sector on a path that nobody needs any more. */
export const StageLeftover = z.object({ Path: z.string(), Sector: SectorID })
export type StageLeftover = z.infer<typeof StageLeftover>

/** `Lost`: claims that are void, whose work is to stop. `Remove`: what is to be removed from the worker's paths. */
export const StageOrders = z.object({ Lost: list(z.string()), Remove: list(StageLeftover) })
export type StageOrders = z.infer<typeof StageOrders>

/** Where files are fetched from: those of the sector on `Path`, from the worker at `Url`. */
export const StageFetch = z.object({ Path: z.string(), Url: z.string(), Token: Text })
export type StageFetch = z.infer<typeof StageFetch>

/**
 * A task for a worker. `Record`: what workers have written down of the sector so far, in their own form; null at its begin. `Path`: where its files are,
 * or will be; null when the task needs none there. `Fetch`: they are elsewhere yet.
 */
export const StageGrant = z.object({
  Claim: StageClaim,
  Kind,
  Sector: AllocatedSector,
  Record: orNull(z.string()),
  Path: orNull(z.string()),
  Fetch: orNull(StageFetch),
})
export type StageGrant = z.infer<typeof StageGrant>

/** How a task ends well: the sector goes on in `State`, is done, or is given up. */
export const STAGE_ENDS = ['next', 'done', 'aborted'] as const

export const StageEnd = z.object({
  End: z.enum(STAGE_ENDS),
  State: z.enum(SECTOR_STATES),
  Record: z.string(),
})
export type StageEnd = z.infer<typeof StageEnd>

export const STAGE_TASK_STATES = ['ready', 'running', 'parked', 'done'] as const

/** A task as operators see it. Moments in ms since the Unix epoch, 0 when they have not come. */
export const StageTaskInfo = z.object({
  ID: z.string(),
  Sector: SectorID,
  Kind,
  State: z.enum(STAGE_TASK_STATES),
  Worker: Text,
  Place: Text,
  Attempts: Uint64,
  ReadyAt: Int64,
  StartedAt: Int64,
  NotBefore: Int64,
  Error: Text,
})
export type StageTaskInfo = z.infer<typeof StageTaskInfo>

/** A worker as operators see it. `SeenAt`: ms since the Unix epoch; `Heard`: lately enough to be given tasks. */
export const StageWorkerInfo = z.object({
  ID: z.string(),
  Name: z.string(),
  Version: Text,
  Machine: z.string(),
  Heard: z.boolean(),
  SeenAt: Int64,
  Kinds: list(Kind),
  Quiet: Bool,
  MemoryBytes: Uint64,
  Cores: Uint64,
  GPUs: list(z.string()),
  Posting: Bool,
  Paths: list(StagePath),
  Tasks: list(z.string()),
})
export type StageWorkerInfo = z.infer<typeof StageWorkerInfo>

/** Why a task waits, what would change that, and what each worker says to it. */
export const StageExplanation = z.object({
  Task: z.string(),
  Kind,
  Sector: SectorID,
  Why: z.string(),
  Change: z.string(),
  Workers: list(z.object({ Worker: z.string(), Answer: z.string() })),
})
export type StageExplanation = z.infer<typeof StageExplanation>

export const StageAbandonPreview = z.object({ Cost: z.string(), WhyNot: z.string() })
export type StageAbandonPreview = z.infer<typeof StageAbandonPreview>

/** Why sectors that were asked for are not begun, and what would change that; null when none waits. */
export const PledgesExplanation = orNull(z.object({ Waiting: Uint64, Why: z.string(), Change: z.string() }))
export type PledgesExplanation = z.infer<typeof PledgesExplanation>

const claim = param('claim', StageClaim)
const write = { permission: 'write' } as const
const admin = { permission: 'admin' } as const

export const stageMethods = {
  ReportStageWorker: method(
    'Tells what a stage worker is and does; renews its claims. Workers call it every few seconds.',
    [param('report', StageWorkerReport)],
    StageOrders,
    write,
  ),
  ClaimStageTask: method(
    'The next task for a stage worker that has reported itself; null when there is none for it now.',
    [param('worker', z.string()), param('boot', z.string())],
    orNull(StageGrant),
    write,
  ),
  SaveStageRecord: method(
    'Keeps what a worker writes down of its sector; false when the claim is void.',
    [claim, param('record', z.string())],
    z.boolean(),
    write,
  ),
  PlaceStageSector: method(
    "The sector's files are whole and durable on this path, which is their place from now on; what is elsewhere is removed. False when the claim is void.",
    [claim, param('path', z.string())],
    z.boolean(),
    write,
  ),
  FinishStageTask: method(
    'The task is done; false when the claim is void.',
    [claim, param('end', StageEnd)],
    z.boolean(),
    write,
  ),
  FailStageTask: method(
    'The task failed: another attempt after a pause, or none when that would not help. Answers what became of it; `stale` when the claim is void.',
    [claim, param('error', Text), param('forGood', Bool)],
    z.enum(['ready', 'parked', 'stale']),
    write,
  ),
  ReleaseStageTask: method('Gives a task back as it was; false when the claim is void.', [claim], z.boolean(), write),
  BeginStageRemoval: method(
    'Asked right before files that were to be removed are: whether this process of a worker may. Until it has told that they are gone, their sector is not given out on that path.',
    [param('worker', z.string()), param('boot', z.string()), param('leftover', StageLeftover)],
    z.boolean(),
    write,
  ),
  StageFilesRemoved: method(
    'Files that were to be removed are not there any more.',
    [param('leftover', StageLeftover)],
    Null,
    write,
  ),
  AdoptStageSector: method(
    'Stage workers carry this sector on from now on, in a state of theirs; its files are on the path. Again for the same sector: nothing more.',
    [
      param('sector', AllocatedSector),
      param('state', z.enum(SECTOR_STATES)),
      param('record', z.string()),
      param('path', z.string()),
    ],
    Null,
    write,
  ),
  StageTasks: method('The tasks of stage workers, without those that are done.', [], list(StageTaskInfo)),
  StageWorkers: method('The stage workers, the ones heard of last first.', [], list(StageWorkerInfo)),
  ExplainStageTasks: method(
    'Why tasks wait: one, or all in the order in which they are offered.',
    [param('task', orNull(z.string()))],
    list(StageExplanation),
  ),
  ExplainPledges: method(
    'Why sectors of a miner that were asked for are not begun by stage workers; null when none waits.',
    [param('miner', ActorId)],
    PledgesExplanation,
  ),
  RetryStageTasks: method(
    'Lets parked tasks be tried again, with all their attempts; all of them when none is named. How many.',
    [param('tasks', list(z.string()))],
    Uint64,
    admin,
  ),
  AbortStageTask: method(
    'Ends the attempt at a task and parks it; false when it is neither ready nor running.',
    [param('task', z.string()), param('reason', Text)],
    z.boolean(),
    admin,
  ),
  PreviewAbandonStageSector: method(
    'What giving up a sector that stage workers carry would cost, or why it cannot be given up any more; the other one is empty.',
    [param('sector', SectorID)],
    StageAbandonPreview,
  ),
  AbandonStageSector: method(
    'Gives a sector up that stage workers carry: it is aborted, and its files are removed. Refused once its proof is on its way.',
    [param('sector', SectorID), param('reason', Text)],
    Null,
    admin,
  ),
} as const
