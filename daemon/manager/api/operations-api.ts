import type { operationsMethods } from '../../../rpc-schema/manager/operations.js'
import type { Handlers } from '../../../rpc-schema/rpc/method.js'
import type { Rooms } from './rooms.js'

/** Running the manager. */
export function operationsApi({ settings }: Pick<Rooms, 'settings'>) {
  return {
    ConfigReload: () => settings.reload(),
  } satisfies Handlers<typeof operationsMethods>
}
