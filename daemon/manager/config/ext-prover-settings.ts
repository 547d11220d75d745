import { z } from 'zod'

const text = z.string().optional()

/** 0 stands for the default, as in the original. */
const countOr = (fallback: number) =>
  z
    .int()
    .nonnegative()
    .default(fallback)
    .transform(count => count || fallback)

const Prover = z.object({
  /** Default: damocles-worker beside the manager. */
  Bin: text,
  /** Only with `Bin`. */
  Args: z.array(z.string()).default([]),
  Envs: z.record(z.string(), z.string()).default({}),
  Concurrent: countOr(1),
  Weight: countOr(1),
  ReadyTimeoutSecs: countOr(5),
})

/** `ext-prover.cfg`: processes that make window and winning proofs. */
export const ExtProverSettings = z.object({
  WdPost: z.array(Prover).default([]),
  WinPost: z.array(Prover).default([]),
})
export type ExtProverSettings = z.output<typeof ExtProverSettings>
