import { z } from 'zod'
import { WDPOST_PARTS, type WdPoStPart } from '../../../rpc-schema/manager/wdpost-job.js'
import { ActorId } from '../../../rpc-schema/wire/numbers.js'
import { SEAL_PROOFS, SECTOR_SIZES, sectorSizeLabel } from '../../../rpc-schema/wire/proof-types.js'
import { ByteSize } from '../../kit/config/byte-size.js'
import { Duration } from '../../kit/config/duration.js'
import { optional } from '../../kit/config/key.js'

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
  /** Of the jobs of plan `wdpost`. */
  readonly windowParts: readonly WdPoStPart[]
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
  windowParts: ['whole'],
}

/** Bytes of a sector size the network knows. */
export const SectorSize = ByteSize.refine(
  size => SECTOR_SIZES.includes(size),
  `expected a sector size (${SECTOR_SIZES.map(sectorSizeLabel).join(', ')})`,
).meta({ title: 'sector size' })

/** `[sealing]`, and `sealing.*` of a thread: every key may be left out at every level. Sizes in bytes, times in ms. */
export const SealingOverrides = z.object({
  allowed_miners: optional(z.array(ActorId.meta({ title: 'integer' })), 'Miners whose sectors are sealed here.', {
    absent: 'any; so does an empty list',
  }),
  allowed_sizes: optional(z.array(SectorSize), 'Sector sizes sealed here.', { absent: 'any' }),
  enable_deals: optional(z.boolean(), 'Fill sectors with deals.', { default: DEFAULT_SEALING.enableDeals }),
  disable_cc: optional(z.boolean(), 'Wait for deals rather than seal a sector without.', {
    default: DEFAULT_SEALING.disableCc,
  }),
  max_deals: optional(z.int().nonnegative(), 'Most deals in a sector.', { absent: 'no limit' }),
  min_deal_space: optional(ByteSize, 'Least bytes of deals in a sector.', { absent: 'no limit' }),
  max_retries: optional(z.int().nonnegative(), 'Temporary errors in a row after which the thread pauses.', {
    default: DEFAULT_SEALING.maxRetries,
  }),
  seal_interval: optional(Duration, 'Pause between two tasks of a thread: how often an idle one asks for work.', {
    default: DEFAULT_SEALING.sealIntervalMs,
  }),
  recover_interval: optional(Duration, 'Wait after a temporary error, and when there was nothing to do.', {
    default: DEFAULT_SEALING.recoverIntervalMs,
  }),
  rpc_polling_interval: optional(Duration, 'Time between two questions for a state on the chain.', {
    default: DEFAULT_SEALING.pollingIntervalMs,
  }),
  ignore_proof_check: optional(z.boolean(), 'Do not wait until the proof is on the chain.', {
    default: DEFAULT_SEALING.ignoreProofCheck,
  }),
  request_task_max_retries: optional(
    z.int().nonnegative(),
    'Empty answers of the manager after which a task attempt ends.',
    { default: DEFAULT_SEALING.requestTaskMaxRetries },
  ),
  verify_after_pc2: optional(z.boolean(), 'Check the result of PC2 by a C1 with a random seed.', {
    default: DEFAULT_SEALING.verifyAfterPc2,
  }),
  window_parts: optional(
    z.array(z.enum(WDPOST_PARTS)).min(1),
    'Jobs that a thread with plan `wdpost` takes: whole proofs, reading the sectors, making the proof of what was read.',
    { default: [...DEFAULT_SEALING.windowParts] },
  ),
})
export type SealingOverrides = z.output<typeof SealingOverrides>

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
  window_parts: 'windowParts',
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
