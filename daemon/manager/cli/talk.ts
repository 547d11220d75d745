import { managerService } from '../../../rpc-schema/manager/index.js'
import { sealyardService } from '../../../rpc-schema/manager/sealyard.js'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import { type Connection, connectRpc } from '../../../rpc-schema/rpc/connection.js'
import { RpcTransportError } from '../../../rpc-schema/rpc/error.js'
import type { Client } from '../../../rpc-schema/rpc/method.js'
import { RPC_PATH } from '../http/rpc-path.js'

export type ManagerClient = Client<typeof managerService.methods>
/** What the original does not have. */
export type SealyardClient = Client<typeof sealyardService.methods>

/** Runs an action on the manager that a command talks to: `own` has the methods that the original does not have. */
export type Talk = (action: (manager: ManagerClient, own: SealyardClient) => Promise<void>) => Promise<void>

const HINT = 'Start it with `damocles-manager daemon run`, or say where it is with `util --listen HOST:PORT`'

/** Calls a running manager, with a token when there is one; `hint` is what to do when there is no manager. */
export const talk = (
  address: string,
  token: string | undefined,
  action: Parameters<Talk>[0],
  hint = HINT,
): Promise<void> =>
  connected(
    address,
    token,
    connection => action(rpcClient(managerService, connection), rpcClient(sealyardService, connection)),
    hint,
  )

/** The same for the methods that damocles does not have. */
export const talkSealyard = (
  address: string,
  token: string | undefined,
  action: (manager: SealyardClient) => Promise<void>,
): Promise<void> => connected(address, token, connection => action(rpcClient(sealyardService, connection)))

async function connected(
  address: string,
  token: string | undefined,
  action: (connection: Connection) => Promise<void>,
  hint = HINT,
): Promise<void> {
  const connection = connectRpc(address, { path: RPC_PATH, ...(token !== undefined && { token }) })
  try {
    await action(connection)
  } catch (error) {
    if (!(error instanceof RpcTransportError)) throw error
    throw new Error(`cannot talk to the manager: ${error.message}; is it running? ${hint}`, { cause: error })
  } finally {
    await connection.close()
  }
}

export const say = (text: string): void => void process.stdout.write(`${text}\n`)

export const sayJson = (value: unknown): void => say(JSON.stringify(value, null, '\t'))
