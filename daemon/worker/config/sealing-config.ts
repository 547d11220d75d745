import { z } from 'zod'
import { ActorId } from '../../../rpc-schema/wire/numbers.js'
import { SEAL_PROOFS, SECTOR_SIZES, sectorSizeLabel } from '../../../rpc-schema/wire/proof-types.js'
import { ByteSize } from '../../kit/config/byte-size.js'
import { Duration } from '../../kit/config/duration.js'

/** Bytes of a sector size the network knows. */
export const SectorSize = ByteSize.refine(
  size => SECTOR_SIZES.includes(size),
  `expected a sector size (${SECTOR_SIZES.map(sectorSizeLabel).join(', ')})`,
)

/** `[sealing]`, and `sealing.*` of a thread: every key may be left out at every level. Sizes in bytes, times in ms. */
export const SealingOverrides = z.object({
  allowed_miners: z
    .array(ActorId)
    .optional()
    .meta({ description: 'Miners whose sectors are sealed here; empty or absent: any.' }),
  allowed_sizes: z.array(SectorSize).optional().meta({ description: 'Sector sizes sealed here; absent: any.' }),
  enable_deals: z.boolean().optional().meta({ description: 'Fill sectors with deals.' }),
  disable_cc: z.boolean().optional().meta({ description: 'Wait for deals rather than seal a sector without.' }),
  max_deals: z.int().positive().optional().meta({ description: 'Most deals in a sector.' }),
  min_deal_space: ByteSize.optional().meta({ description: 'Least bytes of deals in a sector.' }),
  max_retries: z
    .int()
    .nonnegative()
    .optional()
    .meta({ description: 'Temporary errors in a row after which the thread pauses.' }),
  seal_interval: Duration.optional().meta({ description: 'Pause between two tasks of a thread.' }),
  recover_interval: Duration.optional().meta({
    description: 'Wait after a temporary error, and when there was nothing to do.',
  }),
  rpc_polling_interval: Duration.optional().meta({
    description: 'Time between two questions for a state on the chain.',
  }),
  ignore_proof_check: z.boolean().optional().meta({ description: 'Do not wait until the proof is on the chain.' }),
  request_task_max_retries: z
    .int()
    .nonnegative()
    .optional()
    .meta({ description: 'Empty answers of the manager after which a task attempt ends.' }),
  verify_after_pc2: z.boolean().optional().meta({ description: 'Check the result of PC2 by a C1 with a random seed.' }),
})
export type SealingOverrides = z.output<typeof SealingOverrides>

/** The settings of one thread, complete. `undefined` in the optional ones means no limit. */
export interface SealingConfig {
  readonly allowedMiners: readonly number[]
  readonly allowedSizes: readonly number[] | undefined
  readonly enableDeals: boolean
  readonly disableCc: boolean
  readonly maxDeals: number | undefined
  readonly minDealSpaceBytes: number | undefined
  readonly maxRetries: number
  readonly sealIntervalMs: number
  readonly recoverIntervalMs: number
  readonly pollingIntervalMs: number
  readonly ignoreProofCheck: boolean
  readonly requestTaskMaxRetries: number
  readonly verifyAfterPc2: boolean
}

const SECOND = 1_000

/** As documented. (The original's code has 60 s for `recover_interval`.) */
export const DEFAULT_SEALING: SealingConfig = {
  allowedMiners: [],
  allowedSizes: undefined,
  enableDeals: false,
  disableCc: false,
  maxDeals: undefined,
  minDealSpaceBytes: undefined,
  maxRetries: 5,
  sealIntervalMs: 30 * SECOND,
  recoverIntervalMs: 30 * SECOND,
  pollingIntervalMs: 180 * SECOND,
  ignoreProofCheck: false,
  requestTaskMaxRetries: 3,
  verifyAfterPc2: false,
}

/** Which key of the file sets which setting. */
export const SEALING_KEYS = {
  allowed_miners: 'allowedMiners',
  allowed_sizes: 'allowedSizes',
  enable_deals: 'enableDeals',
  disable_cc: 'disableCc',
  max_deals: 'maxDeals',
  min_deal_space: 'minDealSpaceBytes',
  max_retries: 'maxRetries',
  seal_interval: 'sealIntervalMs',
  recover_interval: 'recoverIntervalMs',
  rpc_polling_interval: 'pollingIntervalMs',
  ignore_proof_check: 'ignoreProofCheck',
  request_task_max_retries: 'requestTaskMaxRetries',
  verify_after_pc2: 'verifyAfterPc2',
} as const satisfies { [K in keyof SealingOverrides]-?: keyof SealingConfig }

/** Lays overrides over settings, key by key; what a level does not set falls back to the level before. */
export function applyOverrides(
  base: SealingConfig,
  ...levels: readonly (SealingOverrides | undefined)[]
): SealingConfig {
  const result: Record<string, unknown> = { ...base }
  for (const level of levels) {
    for (const [key, setting] of Object.entries(SEALING_KEYS)) {
      const value = level?.[key as keyof SealingOverrides]
      if (value !== undefined) result[setting] = value
    }
  }
  return result as unknown as SealingConfig
}

/** Proof types a worker offers for its sizes: V1_1, its synthetic form, and the non-interactive V1_2. No sizes: no limit. */
export function proofTypesOf(sizes: readonly number[] | undefined): number[] {
  if (sizes === undefined) return []
  return sizes.flatMap(size =>
    SEAL_PROOFS.filter(proof => proof.sectorSize === size && !proof.name.endsWith('iBV1')).map(proof => proof.number),
  )
}
