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
  /** 0: 5 with `Bin`; our own program, which loads its proofs first, has longer. */
  ReadyTimeoutSecs: z.int().nonnegative().default(0),
  /** 0: a proof may take as long as its deadline, unless earlier proofs tell that it hangs. */
  StallTimeoutSecs: z.int().nonnegative().default(0),
})
export type ExtProverEntry = z.output<typeof Prover>

/** `ext-prover.cfg`: processes that make window and winning proofs. */
export const ExtProverSettings = z.object({
  WdPost: z.array(Prover).default([]),
  WinPost: z.array(Prover).default([]),
})
export type ExtProverSettings = z.output<typeof ExtProverSettings>
