import { z } from 'zod'
import { method, param } from '../rpc/method.js'
import { orNull, Text } from '../rpc/zero-value.js'
import { list } from '../wire/list.js'
import { ActorId, ChainEpoch, Int64, Uint64 } from '../wire/numbers.js'

/**
 * What is noted: the head above the challenge was seen, proving began, the challenge was drawn, sectors were checked, the challenged data was read (where the
 * prover tells), a proof was made and verified, a message went and landed. `afterwards`: no manager was there, and what
 * became of the window was asked of the chain later.
 */
export const WINDOW_STEPS = [
  'head',
  'begun',
  'challenge',
  'checked',
  'read',
  'proven',
  'verified',
  'sent',
  'raised',
  'landed',
  'failed',
  'undone',
  'trouble',
  'afterwards',
] as const

/** `At` in ms since the Unix epoch; `Epoch` is the height of the head then. */
export const WindowStep = z.object({ Step: z.enum(WINDOW_STEPS), At: Int64, Epoch: ChainEpoch, Detail: Text })
export type WindowStep = z.infer<typeof WindowStep>

/** `nothing`: no partition had a sector to prove. */
export const WindowOutcome = z.enum(['running', 'proven', 'partly', 'missed', 'nothing'])
export type WindowOutcome = z.infer<typeof WindowOutcome>

/** What happened in one proving window of a miner. `Partitions` had sectors to prove; `Skipped` sectors were left out. */
export const WindowRecord = z.object({
  Miner: ActorId,
  Deadline: Uint64,
  Challenge: ChainEpoch,
  Open: ChainEpoch,
  Close: ChainEpoch,
  Partitions: Uint64,
  Skipped: Uint64,
  Outcome: WindowOutcome,
  Steps: list(WindowStep),
  Late: list(z.string()),
})
export type WindowRecord = z.infer<typeof WindowRecord>

export const postTimelineMethods = {
  PostTimeline: method(
    'What happened in the last proving windows, the newest first.',
    [param('miner', orNull(ActorId)), param('limit', Uint64)],
    list(WindowRecord),
  ),
} as const
