import { z } from 'zod'

/** What a helper process is started for: argument of its program, as JSON. */
export const HelperTask = z.object({
  name: z.string(),
  path: z.string(),
  plugin: z.string(),
  meta: z.record(z.string(), z.string()),
})
export type HelperTask = z.infer<typeof HelperTask>

const Bytes = z.int().nonnegative()

const Space = z.object({ type: z.string(), totalBytes: Bytes, freeBytes: Bytes, usedBytes: Bytes })

export const StoreEntryFrame = z.object({ kind: z.enum(['file', 'directory', 'link', 'other']), sizeBytes: Bytes })

/** What can be seen of a store before it is known whether it is the right one. */
export const StoreSight = z.object({
  root: z.enum(['directory', 'missing', 'other']),
  /** By its own files. */
  identity: z.string().optional(),
  /** Nothing is in it. */
  empty: z.boolean(),
  /** A mount point of /etc/fstab, at or above the path, where nothing is mounted now. */
  unmounted: z.string().optional(),
})
export type StoreSight = z.infer<typeof StoreSight>

const operation = <Q extends z.ZodType, R extends z.ZodType>(request: Q, result: R) => ({ request, result })

/** What a helper can be asked for. Paths are relative to the store. */
export const OPERATIONS = {
  look: operation(z.object({}), StoreSight),
  writeIdentity: operation(z.object({ id: z.string() }), z.null()),
  space: operation(z.object({}), Space.extend({ readOnlyMarker: z.boolean() })),
  /** One answer a path, null where there is nothing. */
  stat: operation(z.object({ paths: z.array(z.string()), follow: z.boolean() }), z.array(StoreEntryFrame.nullable())),
  remove: operation(z.object({ paths: z.array(z.string()) }), z.null()),
  /** Directories that match patterns and hold a sectorstore.json, with its text. Needs no store of its own. */
  scan: operation(
    z.object({ patterns: z.array(z.string()) }),
    z.array(z.object({ path: z.string(), text: z.string() })),
  ),
  /** A call of the native prover, on this thread: the request and the answer are its own JSON. */
  prove: operation(z.object({ method: z.string(), request: z.string() }), z.string()),
  /** The bytes follow on stdout; the answer comes first. The helper ends with the stream. */
  read: operation(z.object({ path: z.string(), offset: Bytes, length: Bytes.optional() }), z.null()),
  /** The bytes come on stdin; the answer comes when they are safe. The helper ends with it. */
  write: operation(z.object({ path: z.string(), sizeBytes: Bytes.optional() }), z.null()),
} as const
export type OperationName = keyof typeof OPERATIONS
export type OperationRequest<N extends OperationName> = z.infer<(typeof OPERATIONS)[N]['request']>
export type OperationResult<N extends OperationName> = z.infer<(typeof OPERATIONS)[N]['result']>

export const RequestFrame = z.object({
  id: z.int(),
  op: z.enum(Object.keys(OPERATIONS) as [OperationName, ...OperationName[]]),
  /** The store is to be this one, else nothing is done. */
  identity: z.string().optional(),
  request: z.unknown(),
})
export type RequestFrame = z.infer<typeof RequestFrame>

/** The content that was to come will not: what has been written of it goes away. */
export const CancelFrame = z.object({ cancel: z.literal(true) })

export const ReplyFrame = z.union([
  z.object({ id: z.int(), result: z.unknown() }),
  z.object({ id: z.int(), error: z.object({ code: z.string().optional(), message: z.string() }) }),
])
export type ReplyFrame = z.infer<typeof ReplyFrame>

/** Codes of errors that our own side gives. */
export const HELPER_ERROR = {
  /** The files of the store do not have the identity that was asked for. */
  otherStore: 'SEALYARD_OTHER_STORE',
} as const
