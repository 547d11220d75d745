import { z } from 'zod'
import { method, param } from '../rpc/method.js'
import { NoResult, orNull, Text } from '../rpc/zero-value.js'
import { list } from '../wire/list.js'
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
  StoreConditions: method('Whether each persist store can be used.', [], list(StoreCondition)),
  AcceptStore: method(
    'Takes what is in the directory of a store now for that store; answers its id.',
    [param('name', z.string())],
    z.string(),
    { permission: 'admin' },
  ),
} as const
