import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import { connectRpc } from '../../../rpc-schema/rpc/connection.js'
import type { Client } from '../../../rpc-schema/rpc/method.js'
import { workerService } from '../../../rpc-schema/worker/index.js'
import type { ThreadInfo } from '../../../rpc-schema/worker/thread-info.js'
import { type Clock, systemClock } from '../../kit/clock.js'
import type { WatchOutput } from '../../kit/terminal/watch.js'

export type WorkerClient = Client<(typeof workerService)['methods']>

/** Where a command writes, how it tells the time, and how a person ends it. */
export interface ControlTerminal {
  readonly output: WatchOutput
  readonly clock: Clock
  /** Aborts at Ctrl-C; calling `done` gives Ctrl-C back to the process. */
  interruption(): { readonly signal: AbortSignal; done(): void }
  setExitCode(code: number): void
}

export const systemTerminal: ControlTerminal = {
  output: process.stdout,
  clock: systemClock,
  interruption() {
    const controller = new AbortController()
    const stop = (): void => controller.abort()
    // A reader that has gone (`… --watch | head`) ends the watching as Ctrl-C does.
    const broken = (error: NodeJS.ErrnoException): void => {
      if (error.code !== 'EPIPE') throw error
      stop()
    }
    process.once('SIGINT', stop).once('SIGTERM', stop)
    process.stdout.on('error', broken)
    return {
      signal: controller.signal,
      done: () => void process.removeListener('SIGINT', stop).removeListener('SIGTERM', stop),
    }
  },
  setExitCode(code) {
    process.exitCode = code
  },
}

/** What a sub-command works with. */
export interface ControlSession {
  readonly client: WorkerClient
  readonly terminal: ControlTerminal
  say(text: string): void
}

/** Talks to a worker for as long as `action` takes. */
export async function talkTo(
  address: string,
  terminal: ControlTerminal,
  action: (session: ControlSession) => Promise<void>,
): Promise<void> {
  const connection = connectRpc(address)
  try {
    const say = (text: string): void => void terminal.output.write(`${text}\n`)
    await action({ client: rpcClient(workerService, connection), terminal, say })
  } finally {
    await connection.close()
  }
}

export const threadAt = async (client: WorkerClient, index: number): Promise<ThreadInfo | undefined> =>
  (await client.WorkerList()).find(thread => thread.index === index)
