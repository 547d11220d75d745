import { z } from 'zod'
import { orNull } from '../rpc/zero-value.js'
import { list } from '../wire/list.js'

/** A persist store, as the manager describes it. */
export const TransferStore = z.object({ name: z.string(), meta: orNull(z.record(z.string(), z.string())) })
export type TransferStore = z.infer<typeof TransferStore>

/** `store_name` null: a local path. The URI is a path for stores that are directories. */
export const TransferItem = z.object({ store_name: orNull(z.string()), uri: z.string() })
export type TransferItem = z.infer<typeof TransferItem>

/** `allow_link`: a symbolic link will do instead of a copy. */
export const TransferOption = z.object({ is_dir: z.boolean(), allow_link: z.boolean() })
export type TransferOption = z.infer<typeof TransferOption>

export const TransferRoute = z.object({ src: TransferItem, dest: TransferItem, opt: orNull(TransferOption) })
export type TransferRoute = z.infer<typeof TransferRoute>

/** Copies files and directories into or out of stores; `stores` describes those that the routes name. */
export const TransferTask = z.object({ stores: z.record(z.string(), TransferStore), routes: list(TransferRoute) })
export type TransferTask = z.infer<typeof TransferTask>
