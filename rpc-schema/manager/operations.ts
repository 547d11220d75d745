import { z } from 'zod'
import { method } from '../rpc/method.js'
import { list } from '../wire/list.js'

/** One key that has another value than before: `Miners[f01000].Commitment.Pre.Batch.Threshold`, `Common.PersistStores["store1"].Weight`. */
export const SettingChange = z.object({ key: z.string(), from: z.string(), to: z.string() })
export type SettingChange = z.infer<typeof SettingChange>

/** `done` false: the file has problems, and everything is as it was. */
export const ReloadResult = z.object({
  done: z.boolean(),
  applied: list(SettingChange),
  afterRestart: list(SettingChange),
  problems: list(z.string()),
  warnings: list(z.string()),
})
export type ReloadResult = z.infer<typeof ReloadResult>

/** Running a manager. */
export const operationsMethods = {
  ConfigReload: method('Reads the configuration again and takes over what can be changed.', [], ReloadResult, {
    permission: 'admin',
  }),
}
