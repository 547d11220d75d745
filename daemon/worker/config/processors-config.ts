import { z } from 'zod'
import { STAGE_NAMES, type StageName } from '../../../rpc-schema/processor/stages.js'
import { SECTOR_SIZES, sectorSizeLabel } from '../../../rpc-schema/wire/proof-types.js'
import { parseByteSize } from '../../kit/config/byte-size.js'
import { Duration } from '../../kit/config/duration.js'
import {
  type ChildConfig,
  type ChildStage,
  DEFAULT_CHILD,
  FOREIGN_STABLE_WAIT_MS,
  type ProcessorsConfig,
} from '../processors/processors.js'

/** One `[[processors.<stage>]]`. Times in ms. */
const ChildEntry = z.object({
  bin: z.string().min(1).optional(),
  args: z.array(z.string()).optional(),
  stable_wait: Duration.optional(),
  numa_preferred: z.int().nonnegative().optional(),
  cgroup: z.object({ group_name: z.string().min(1).optional(), cpuset: z.string().optional() }).optional(),
  envs: z.record(z.string(), z.string()).optional(),
  concurrent: z.int().positive().optional(),
  locks: z.array(z.string()).optional(),
  auto_restart: z.boolean().optional(),
  inherit_envs: z.boolean().optional(),
  weight: z.int().nonnegative().optional(),
  stall_limit: Duration.optional(),
})
type ChildEntry = z.output<typeof ChildEntry>

const Limits = z.record(z.string(), z.int().positive())

/** Size texts as keys: `2KiB = "/path"`. */
const TreesBySize = z.record(
  z
    .string()
    .refine(isSectorSize, `expected a sector size (${SECTOR_SIZES.map(sectorSizeLabel).join(', ')}) as the key`),
  z.string(),
)

const CHILD_STAGES: readonly ChildStage[] = [...STAGE_NAMES, 'sealing_daemons']

const children = Object.fromEntries(CHILD_STAGES.map(stage => [stage, z.array(ChildEntry).optional()])) as {
  [S in ChildStage]: z.ZodOptional<z.ZodArray<typeof ChildEntry>>
}

export const ProcessorsFile = z.object({
  /** Old name of `limitation.concurrent`, which wins. */
  limit: Limits.optional(),
  limitation: z
    .object({ concurrent: Limits.optional(), staggered: z.record(z.string(), Duration).optional() })
    .optional(),
  ext_locks: Limits.optional(),
  static_tree_d: TreesBySize.optional(),
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
    cgroup: { groupName: entry.cgroup?.group_name ?? DEFAULT_CHILD.cgroup.groupName, cpuset: entry.cgroup?.cpuset },
    envs: { ...envs, ...entry.envs },
    concurrent: entry.concurrent,
    locks: entry.locks ?? DEFAULT_CHILD.locks,
    autoRestart: entry.auto_restart ?? DEFAULT_CHILD.autoRestart,
    inheritEnvs: entry.inherit_envs ?? DEFAULT_CHILD.inheritEnvs,
    weight: entry.weight,
    stallLimitMs: entry.stall_limit,
  }
}

/** Of a table by stage, what is for stages that exist; limits for other names are harmless. */
function byStage(table: Readonly<Record<string, number>> = {}): { [S in StageName]?: number } {
  return Object.fromEntries(Object.entries(table).filter(([name]) => (STAGE_NAMES as string[]).includes(name)))
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
      concurrent: byStage(file?.limitation?.concurrent ?? file?.limit),
      staggered: byStage(file?.limitation?.staggered),
    },
    extLocks: file?.ext_locks ?? {},
    staticTreeD: new Map(
      Object.entries(file?.static_tree_d ?? {}).map(([size, path]) => [parseByteSize(size), path] as const),
    ),
  }
}
