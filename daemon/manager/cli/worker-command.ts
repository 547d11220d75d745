import { isIP } from 'node:net'
import { Command } from 'commander'
import { z } from 'zod'
import { WorkerPingInfo } from '../../../rpc-schema/manager/worker-ping.js'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import { connectRpc } from '../../../rpc-schema/rpc/connection.js'
import type { Client } from '../../../rpc-schema/rpc/method.js'
import { workerService } from '../../../rpc-schema/worker/index.js'
import type { ThreadInfo } from '../../../rpc-schema/worker/thread-info.js'
import { formatGoDuration, parseDuration } from '../../kit/config/duration.js'
import { tableText } from '../../kit/terminal/table.js'
import { numberArgument } from './arguments.js'
import { type ManagerClient, say } from './talk.js'
import { wdpostCommand } from './wdpost-command.js'

type Call = (action: (manager: ManagerClient) => Promise<void>) => Promise<void>

/** `util worker`: the workers that have pinged, and through their own API what they do. */
export function workerCommand(call: Call): Command {
  const worker = new Command('worker').description('Commands for interacting with workers')
  worker
    .command('list')
    .description('List the workers that have pinged')
    .option('--expiration <duration>', 'a worker silent for longer gets a mark', parseDuration, 10 * 60_000)
    .option('--json', 'as JSON', false)
    .action((options: { expiration: number; json: boolean }) =>
      call(async manager => {
        const pings = (await manager.WorkerPingInfoList()) ?? []
        if (options.json)
          return say(
            JSON.stringify(
              pings.map(ping => z.encode(WorkerPingInfo, ping)),
              null,
              2,
            ),
          )
        say(workerTable(pings, options.expiration))
      }),
    )
  worker
    .command('remove')
    .description('Forget a worker')
    .argument('<name>')
    .action((name: string) =>
      call(async manager => {
        await manager.WorkerPingInfoRemove(name)
        say(`'${name}' removed`)
      }),
    )
  worker
    .command('info')
    .description('What the threads of a worker do')
    .argument('<worker>', 'its name, or HOST[:PORT] of its API')
    .option('--json', 'as JSON', false)
    .action((name: string, { json }: { json: boolean }) =>
      onWorker(call, name, async client => {
        const threads = await client.WorkerList()
        say(json ? JSON.stringify(threads, null, 2) : threadTable(threads))
      }),
    )
  worker
    .command('pause')
    .description('Let a thread of a worker pause after its present stage; exit code 1 when it was asked to already')
    .argument('<worker>', 'its name, or HOST[:PORT] of its API')
    .argument('<index>', 'number of the thread', numberArgument)
    .action((name: string, index: number) =>
      onWorker(call, name, async client => outcome('pause', await client.WorkerPause(index))),
    )
  worker
    .command('resume')
    .description('Let a paused thread of a worker go on; exit code 1 when it is not paused')
    .argument('<worker>', 'its name, or HOST[:PORT] of its API')
    .argument('<index>', 'number of the thread', numberArgument)
    .argument('[next state]', 'the state its sector goes on from')
    .action((name: string, index: number, state: string | undefined) =>
      onWorker(call, name, async client => outcome('resume', await client.WorkerResume(index, state ?? null))),
    )
  worker.addCommand(wdpostCommand(call))
  return worker
}

const HEADER = [
  'Name',
  'Dest',
  'Version',
  'Threads',
  'Empty',
  'Paused',
  'Running',
  'Waiting',
  'Errors',
  'LastPing(with ! if expired)',
]

function workerTable(pings: readonly WorkerPingInfo[], expirationMs: number): string {
  const rows = pings.map(({ Info: { Name, Dest, Version, Summary }, LastPing }) => {
    const silentMs = Math.max(0, Date.now() - LastPing * 1000)
    const counts = [Summary.Threads, Summary.Empty, Summary.Paused, Summary.Running, Summary.Waiting, Summary.Errors]
    const last = `${formatGoDuration(silentMs)}${silentMs > expirationMs ? ' (!)' : ''}`
    return [Name, Dest, Version, ...counts.map(String), last]
  })
  return tableText(HEADER, rows)
}

function outcome(what: string, ok: boolean): void {
  if (!ok) process.exitCode = 1
  say(`${what} call done, ok = ${ok}`)
}

const WORKER_PORT = 17_890

type WorkerClient = Client<(typeof workerService)['methods']>

/** A name that has pinged stands for where it pinged from; anything else is an address, for which no manager is needed. */
async function onWorker(call: Call, name: string, action: (client: WorkerClient) => Promise<void>): Promise<void> {
  const connection = connectRpc(`http://${await destination(call, name)}/`)
  try {
    await action(rpcClient(workerService, connection))
  } finally {
    await connection.close()
  }
}

async function destination(call: Call, name: string): Promise<string> {
  let dest: string | undefined
  let unreachable: unknown
  try {
    await call(async manager => {
      dest = (await manager.WorkerGetPingInfo(name))?.Info.Dest
    })
  } catch (error) {
    unreachable = error
  }
  if (dest !== undefined && dest !== '') return dest
  if (isIP(name) === 6) return `[${name}]:${WORKER_PORT}`
  if (/^(\[[^\]]+\]|[^:]+):\d+$/.test(name)) return name
  if (isIP(name) === 4 || name === 'localhost' || name.includes('.')) return `${name}:${WORKER_PORT}`
  if (unreachable !== undefined) throw unreachable
  throw new Error(`no worker named ${name} has pinged, and it is no HOST[:PORT] (see \`util worker list\`)`)
}

/** `Running(1m0s) builtin PC1` */
function threadState(state: ThreadInfo['thread_state']): string {
  if (state.state === 'Idle') return 'Idle'
  const text = `${state.state}(${formatGoDuration(state.elapsed * 1_000)})`
  return state.state === 'Running' && state.proc !== null ? `${text} ${state.proc}` : text
}

const threadTable = (threads: readonly ThreadInfo[]): string =>
  tableText(
    ['Index', 'Loc', 'Plan', 'JobID', 'JobState', 'JobStage', 'ThreadState', 'LastErr'],
    threads.map(thread => [
      String(thread.index),
      thread.location,
      thread.plan,
      thread.job_id ?? 'NULL',
      thread.job_state,
      thread.job_stage ?? 'NULL',
      threadState(thread.thread_state),
      thread.last_error === null ? 'NULL' : JSON.stringify(thread.last_error).slice(1, -1),
    ]),
  )
