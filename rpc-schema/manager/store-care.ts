import { z } from 'zod'
import { method, param } from '../rpc/method.js'
import { NoResult, orNull, Text } from '../rpc/zero-value.js'
import { list } from '../wire/list.js'
import { Int64 } from '../wire/numbers.js'
import { SectorID } from '../wire/sector-id.js'

const sid = param('sid', SectorID)

/** A file or directory of a sector within a store. */
export const StoredPath = z.object({ Store: z.string(), Path: z.string() })
export type StoredPath = z.infer<typeof StoredPath>

/** What RemoveSectorFiles would delete. `WhyNot`: what speaks against it. `Done`: the files are gone already. */
export const RemovalPreview = z.object({ Paths: list(StoredPath), WhyNot: orNull(z.string()), Done: z.boolean() })
export type RemovalPreview = z.infer<typeof RemovalPreview>

/** Whether a persist store can be used, and if not, why. */
export const StoreCondition = z.object({
  Name: z.string(),
  Path: Text,
  Usable: z.boolean(),
  Reason: Text,
})
export type StoreCondition = z.infer<typeof StoreCondition>

/** A stored sector that could not be proven. Times in ms since the Unix epoch. */
export const ScrubFinding = z.object({ Sector: SectorID, Why: Text, Since: Int64, SeenAt: Int64 })
export type ScrubFinding = z.infer<typeof ScrubFinding>

/** How far the scrub is. `Total`: stored sectors when the round began; times in ms since the Unix epoch, 0 for never; `PeriodMs` 0: it does not run. */
export const ScrubReport = z.object({
  PeriodMs: Int64,
  RoundBegunAt: Int64,
  Looked: Int64,
  Total: Int64,
  Last: orNull(SectorID),
  LookedAt: Int64,
  Findings: list(ScrubFinding),
})
export type ScrubReport = z.infer<typeof ScrubReport>

/** `Result`: well, damaged, unknown (a store or the node did not answer), busy (its files are being made anew), not needed. */
export const ScrubLook = z.object({ Result: z.string(), Why: Text })
export type ScrubLook = z.infer<typeof ScrubLook>

/** Care for the stores and for what is in them. */
export const storeCareMethods = {
  PreviewRemoval: method(
    'What the removal of the files of a sector would delete, and what speaks against it.',
    [sid],
    RemovalPreview,
  ),
  RemoveSectorFiles: method(
    'Deletes the files of a sector; forced, also against what the chain says.',
    [sid, param('forced', z.boolean())],
    NoResult,
    { permission: 'admin' },
  ),
  ScrubReport: method('How far the scrub of stored sectors is, and what it has found.', [], ScrubReport),
  ScrubSector: method('Looks at once whether a stored sector can be proven.', [sid], ScrubLook, {
    permission: 'write',
  }),
  StoreConditions: method('Whether each persist store can be used.', [], list(StoreCondition)),
  AcceptStore: method(
    'Takes what is in the directory of a store now for that store; answers its id.',
    [param('name', z.string())],
    z.string(),
    { permission: 'admin' },
  ),
} as const
