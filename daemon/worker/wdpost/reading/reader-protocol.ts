import { z } from 'zod'

/** A call of the native prover, as text in both directions. */
export const ReaderRequest = z.object({ id: z.int(), method: z.string(), request: z.string() })
export type ReaderRequest = z.infer<typeof ReaderRequest>

export const ReaderReply = z.union([
  z.object({ id: z.int(), answer: z.string() }),
  z.object({ id: z.int(), error: z.string() }),
])
export type ReaderReply = z.infer<typeof ReaderReply>
