import { RPC_ERROR, RpcError } from '../../../rpc-schema/rpc/error.js'
import type { Handlers } from '../../../rpc-schema/rpc/method.js'
import type { workerService } from '../../../rpc-schema/worker/index.js'
import type { SealingThread } from '../engine/sealing-thread.js'

const invalid = (message: string): RpcError => new RpcError(RPC_ERROR.invalidParams, message)

function checkVariable(name: string, value = ''): void {
  if (name === '' || /[=\0]/.test(name) || value.includes('\0'))
    throw invalid('invalid environment variable name or value')
}

/** `VenusWorker.*`: each method is one call into a thread, or into the environment that processors inherit. */
export function workerHandlers(
  threads: readonly SealingThread[],
  env: NodeJS.ProcessEnv,
  version: string,
): Handlers<(typeof workerService)['methods']> {
  const thread = (index: number): SealingThread => {
    const found = threads.find(candidate => candidate.index === index)
    if (found === undefined) throw invalid(`worker #${index} not found`)
    return found
  }
  return {
    WorkerList: () => threads.map(found => found.info()),
    WorkerPause: index => thread(index).pause(),
    WorkerResume: async (index, state) => {
      try {
        return await thread(index).resume(state)
      } catch (error) {
        throw error instanceof RangeError ? invalid(error.message) : error
      }
    },
    WorkerDrain: (index, drain) => {
      const wanted = index === null ? threads : [thread(index)]
      return wanted.filter(found => found.drain(drain)).map(found => found.index)
    },
    WorkerSetEnv: (name, value) => {
      checkVariable(name, value)
      env[name] = value
    },
    WorkerRemoveEnv: name => {
      checkVariable(name)
      delete env[name]
    },
    WorkerVersion: () => version,
  }
}
