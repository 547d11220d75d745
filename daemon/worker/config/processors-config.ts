import { z } from 'zod'
import { isStage, STAGE_NAMES, type StageName } from '../../../rpc-schema/processor/stages.js'
import { SECTOR_SIZES, sectorSizeLabel } from '../../../rpc-schema/wire/proof-types.js'
import { parseByteSize } from '../../kit/config/byte-size.js'
import { Duration } from '../../kit/config/duration.js'
import { optional } from '../../kit/config/key.js'
import { parseCpuList } from '../hardware/cpu-list.js'
import {
  type ChildConfig,
  type ChildStage,
  DEFAULT_CHILD,
  FOREIGN_STABLE_WAIT_MS,
  type ProcessorsConfig,
} from '../processors/processors.js'
import { Secret } from './secrets.js'

const CpuList = z
  .string()
  .superRefine((text, context) => {
    try {
      parseCpuList(text)
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message })
    }
  })
  .meta({ title: 'list of processors' })

/** One `[[processors.<stage>]]`. Times in ms. */
export const ChildEntry = z.object({
  bin: optional(z.string().min(1), 'Program of the processor.', { absent: "this worker's own program" }),
  args: optional(z.array(z.string()), 'Its arguments.', { absent: '["processor", "<stage>"]' }),
  stable_wait: optional(Duration, 'Time in which it must say that it is ready.', {
    absent: `${FOREIGN_STABLE_WAIT_MS / 1_000}s with \`bin\`, else ${DEFAULT_CHILD.stableWaitMs / 1_000}s`,
  }),
  numa_preferred: optional(z.int().nonnegative(), 'NUMA node whose memory is preferred.', { absent: 'any' }),
  cgroup: z
    .object({
      group_name: optional(z.string().min(1), 'First part of the name of its cgroup.', {
        default: DEFAULT_CHILD.cgroup.groupName,
      }),
      cpuset: optional(CpuList, 'Processors it may use, like "0-7,24-31".', { absent: 'all' }),
    })
    .optional(),
  envs: optional(z.record(z.string(), Secret), 'Environment variables for it, over those it inherits.', {
    absent: 'none',
  }),
  concurrent: optional(z.int().nonnegative(), 'Tasks it is given at once.', { absent: 'no limit' }),
  locks: optional(z.array(z.string()), 'Locks of `ext_locks` that are held while it works on a task.', {
    absent: 'none',
  }),
  auto_restart: optional(z.boolean(), 'Start it again when it ends.', { default: DEFAULT_CHILD.autoRestart }),
  inherit_envs: optional(z.boolean(), "It sees the worker's environment variables.", {
    default: DEFAULT_CHILD.inheritEnvs,
  }),
  weight: optional(
    z.int().nonnegative(),
    'Its share of the tasks among the free processors of the stage; as soon as one has a weight, those without count 1.',
    { absent: 'the one with the most free capacity is taken' },
  ),
  stall_limit: optional(
    Duration,
    'A task that neither ends nor tells progress for so long is taken for hung, and the processor killed.',
    { absent: 'never' },
  ),
})
export type ChildEntry = z.output<typeof ChildEntry>

const Limits = z.record(z.string(), z.int().nonnegative())

/** Size texts as keys: `2KiB = "/path"`. */
const TreesBySize = z.record(
  z
    .string()
    .refine(isSectorSize, `expected a sector size (${SECTOR_SIZES.map(sectorSizeLabel).join(', ')}) as the key`),
  z.string().meta({ title: 'path' }),
)

export const CHILD_STAGES: readonly ChildStage[] = [...STAGE_NAMES, 'sealing_daemons']

const children = Object.fromEntries(CHILD_STAGES.map(stage => [stage, z.array(ChildEntry).optional()])) as {
  [S in ChildStage]: z.ZodOptional<z.ZodArray<typeof ChildEntry>>
}

export const ProcessorsFile = z.object({
  limitation: z
    .object({
      concurrent: optional(Limits, 'Stage = how many tasks of it run at once in this worker.', { absent: 'no limits' }),
      staggered: optional(
        z.record(z.string(), Duration),
        'Stage = how far apart its tasks start. Less than 1s is ignored.',
        { absent: 'no waiting' },
      ),
    })
    .optional(),
  ext_locks: optional(Limits, 'Name = how many tasks may hold this lock at once; taken by `locks` of a processor.', {
    absent: 'none',
  }),
  static_tree_d: optional(
    TreesBySize,
    'Sector size = ready tree_d file, used for sectors without data instead of making it.',
    { absent: 'none' },
  ),
  ...children,
})
export type ProcessorsFile = z.output<typeof ProcessorsFile>

function isSectorSize(text: string): boolean {
  try {
    return SECTOR_SIZES.includes(parseByteSize(text))
  } catch {
    return false
  }
}

function childConfig(entry: ChildEntry, envs: Readonly<Record<string, string>>): ChildConfig {
  return {
    bin: entry.bin,
    args: entry.args,
    stableWaitMs: entry.stable_wait ?? (entry.bin === undefined ? DEFAULT_CHILD.stableWaitMs : FOREIGN_STABLE_WAIT_MS),
    numaPreferred: entry.numa_preferred,
    cgroup: {
      groupName: entry.cgroup?.group_name ?? DEFAULT_CHILD.cgroup.groupName,
      cpuset: entry.cgroup?.cpuset || undefined,
    },
    envs: { ...envs, ...entry.envs },
    concurrent: entry.concurrent,
    locks: entry.locks ?? DEFAULT_CHILD.locks,
    autoRestart: entry.auto_restart ?? DEFAULT_CHILD.autoRestart,
    inheritEnvs: entry.inherit_envs ?? DEFAULT_CHILD.inheritEnvs,
    weight: entry.weight,
    stallLimitMs: entry.stall_limit,
  }
}

/** Gaps below this are not kept, as in the original. */
export const LEAST_STAGGER_MS = 1_000

/** Of a table by stage, what is for stages that exist; limits for other names are harmless. */
function byStage(table: Readonly<Record<string, number>> = {}, least = 0): { [S in StageName]?: number } {
  return Object.fromEntries(Object.entries(table).filter(([name, value]) => isStage(name) && value >= least))
}

/** Environment variable under which the add_pieces processors find the token for fetching pieces. */
export const PIECE_TOKEN_ENV = 'PIECE_FETCHER_TOKEN'

/** `pieceToken` goes to the children that fetch pieces. */
export function processorsConfig(file: ProcessorsFile | undefined, pieceToken: string | undefined): ProcessorsConfig {
  const envsOf = (stage: ChildStage): Record<string, string> =>
    stage === 'add_pieces' && pieceToken !== undefined ? { [PIECE_TOKEN_ENV]: pieceToken } : {}
  return {
    children: Object.fromEntries(
      CHILD_STAGES.flatMap(stage => {
        const entries = file?.[stage]
        return entries === undefined ? [] : [[stage, entries.map(entry => childConfig(entry, envsOf(stage)))]]
      }),
    ),
    limitation: {
      concurrent: byStage(file?.limitation?.concurrent),
      staggered: byStage(file?.limitation?.staggered, LEAST_STAGGER_MS),
    },
    extLocks: file?.ext_locks ?? {},
    staticTreeD: new Map(
      Object.entries(file?.static_tree_d ?? {}).map(([size, path]) => [parseByteSize(size), path] as const),
    ),
  }
}
