import { Command } from 'commander'
import type { WorkerState } from '../../../rpc-schema/gpuproxy/task.js'
import { RpcError } from '../../../rpc-schema/rpc/error.js'
import { durationMs } from './options.js'
import { say, type Talk } from './talk.js'
import { statisticsTable, workerTable } from './task-text.js'

const OFFLINE_MS = 20 * 60_000

const print = (workers: readonly WorkerState[], json: boolean): void =>
  say(json ? JSON.stringify(workers, null, 2) : workerTable(workers))

/** `gpuproxy worker …` */
export function workerCommands(talk: Talk): Command {
  const worker = new Command('worker').description('look at the workers of a running gpuproxy')
  const json = ['--json', 'as JSON', false] as const
  worker
    .command('list')
    .description('who has reported')
    .option(...json)
    .action((options: { json: boolean }) => talk(async ({ proof }) => print(await proof.ListWorker(), options.json)))
  worker
    .command('offline')
    .description('who has not been heard of for some time')
    .argument('[duration]', 'as 20m, 1h', durationMs, OFFLINE_MS)
    .option(...json)
    .action((ms: number, options: { json: boolean }) =>
      talk(async ({ proof }) => print(await proof.GetOfflineWorker(Math.floor(ms / 1000)), options.json)),
    )
  worker
    .command('get')
    .description('one worker, by either of its ids')
    .argument('<id>')
    .option(...json)
    .action((id: string, options: { json: boolean }) =>
      talk(async ({ proof }) => {
        const found = await proof.GetWorkerById(id).catch(async (error: unknown) => {
          if (!(error instanceof RpcError)) throw error
          return proof.GetWorkerByWorkerId(id)
        })
        print([found], options.json)
      }),
    )
  worker
    .command('delete')
    .description('forget a worker, by either of its ids')
    .argument('<id>')
    .action((id: string) =>
      talk(async ({ proof }) => {
        await proof.DeleteWorkerById(id)
        await proof.DeleteWorkerByWorkerId(id)
      }),
    )
  worker
    .command('statistics')
    .description('what each worker has claimed, proven and failed, and who is on probation')
    .option(...json)
    .action((options: { json: boolean }) =>
      talk(async ({ queue }) => {
        const workers = await queue.WorkerStatistics()
        say(options.json ? JSON.stringify(workers, null, 2) : statisticsTable(workers))
      }),
    )
  return worker
}
