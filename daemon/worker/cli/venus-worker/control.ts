import { rpcClient } from '../../../../rpc-schema/rpc/client.js'
import { connectRpc } from '../../../../rpc-schema/rpc/connection.js'
import { RpcTransportError } from '../../../../rpc-schema/rpc/error.js'
import type { Client } from '../../../../rpc-schema/rpc/method.js'
import { stageWorkerService } from '../../../../rpc-schema/worker/stage-worker.js'
import { readControlFile } from '../../stage-mode/worker-home.js'

type StageWorkerClient = Client<(typeof stageWorkerService)['methods']>

export const say = (text: string): void => void process.stdout.write(`${text}\n`)

/** Talks to the worker that runs on a home. */
export async function talkToWorker(home: string, action: (worker: StageWorkerClient) => Promise<void>): Promise<void> {
  const { url, token } = readControlFile(home)
  const connection = connectRpc(url, { path: '/rpc/v0', token })
  try {
    await action(rpcClient(stageWorkerService, connection))
  } catch (error) {
    if (!(error instanceof RpcTransportError)) throw error
    throw new Error(`the worker on ${home} does not answer at ${url}: ${error.message}; is it running?`, {
      cause: error,
    })
  } finally {
    await connection.close()
  }
}
