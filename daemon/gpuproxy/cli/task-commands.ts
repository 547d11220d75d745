import { Command, InvalidArgumentError } from 'commander'
import { z } from 'zod'
import { QueuedTask, type TaskFilter } from '../../../rpc-schema/gpuproxy/lease-methods.js'
import { TASK_STATE, TaskState } from '../../../rpc-schema/gpuproxy/task.js'
import { RPC_ERROR, RpcError } from '../../../rpc-schema/rpc/error.js'
import { positiveNumber } from './options.js'
import { type ProxyClient, say, type Talk } from './talk.js'
import { taskDetails, taskTable } from './task-text.js'

const STATE_NAMES: Readonly<Record<string, TaskState>> = {
  init: TASK_STATE.init,
  running: TASK_STATE.running,
  error: TASK_STATE.error,
  completed: TASK_STATE.completed,
}

/** A number, or its name. */
function state(text: string): TaskState {
  const found = z.safeDecode(TaskState, (STATE_NAMES[text.toLowerCase()] ?? Number(text)) as never)
  if (!found.success) throw new InvalidArgumentError(`expected 1 (init), 2 (running), 3 (error) or 4 (completed).`)
  return found.data
}

const states = (text: string, before: TaskState[] | undefined): TaskState[] => [...(before ?? []), state(text)]
const texts = (text: string, before: string[] | undefined): string[] => [...(before ?? []), text]

interface ListOptions {
  state?: TaskState[]
  miner?: string[]
  worker?: string[]
  limit: number
  cursor?: string
  json: boolean
}

const PAGE = 200

/** `gpuproxy tasks …`, called `task` by newer versions of the original. */
export function taskCommands(talk: Talk): Command {
  const tasks = new Command('tasks').alias('task').description('look at and steer the tasks of a running gpuproxy')
  tasks
    .command('list')
    .description('the newest tasks; all of them with --limit 0')
    .option('--state <states...>', '1 or init, 2 or running, 3 or error, 4 or completed', states)
    .option('--miner <miners...>', 'only of these miners', texts)
    .option('--worker <ids...>', 'only of these workers', texts)
    .option('--limit <n>', 'most tasks', (text: string) => (text === '0' ? 0 : positiveNumber(text)), PAGE)
    .option('--cursor <cursor>', 'go on where a list ended')
    .option('--json', 'as JSON', false)
    .action((options: ListOptions) => talk(proxy => list(proxy, options)))
  tasks
    .command('get')
    .alias('show')
    .description('everything about one task')
    .argument('<id>')
    .option('--json', 'as JSON', false)
    .action((id: string, { json }: { json: boolean }) => talk(proxy => show(proxy, id, json)))
  tasks
    .command('update-state')
    .description('1: let tasks wait again; 3: stop them from being tried')
    .requiredOption('--state <state>', '1 or 3', state)
    .argument('<ids...>')
    .action((ids: string[], options: { state: TaskState }) =>
      talk(async ({ proof }) => {
        await proof.UpdateStatusById(ids, options.state)
        say('update state success')
      }),
    )
  const byIds = (
    name: string,
    description: string,
    run: (proxy: ProxyClient, ids: string[]) => Promise<number>,
  ): void => {
    tasks
      .command(name)
      .description(description)
      .argument('<ids...>')
      .action((ids: string[]) =>
        talk(async proxy => {
          const count = await run(proxy, ids)
          say(`${name}: ${count} of ${ids.length} tasks`)
          if (count < ids.length) process.exitCode = 1
        }),
      )
  }
  byIds('reset', 'let tasks wait again, with all their attempts', ({ queue }, ids) => queue.ResetTasks(ids))
  byIds('cancel', 'stop tasks from being tried; a running attempt loses its claim', ({ queue }, ids) =>
    queue.CancelTasks(ids, 'cancelled by an operator'),
  )
  byIds('remove', 'forget tasks and the documents that only they need', ({ queue }, ids) => queue.RemoveTasks(ids))
  return tasks
}

async function list({ queue, proof }: ProxyClient, options: ListOptions): Promise<void> {
  const filter: TaskFilter = {
    states: options.state ?? null,
    miners: options.miner ?? null,
    workers: options.worker ?? null,
  }
  const tasks: QueuedTask[] = []
  let next: string | null = options.cursor ?? null
  const most = options.limit === 0 ? Number.POSITIVE_INFINITY : options.limit
  try {
    do {
      const page: { tasks: QueuedTask[]; next: string | null } = await queue.Tasks(
        filter,
        next,
        Math.min(PAGE, most - tasks.length),
      )
      tasks.push(...page.tasks)
      next = page.next
    } while (next !== null && tasks.length < most)
  } catch (error) {
    if (!(error instanceof RpcError) || error.code !== RPC_ERROR.methodNotFound) throw error
    // The original's server gives all or nothing.
    const all = await proof.ListTask(options.worker?.[0] ?? null, options.state ?? null)
    return say(
      options.json
        ? JSON.stringify(
            all.map(({ proof: _, ...task }) => task),
            null,
            2,
          )
        : taskTable(all),
    )
  }
  if (options.json) return say(JSON.stringify({ tasks: tasks.map(task => z.encode(QueuedTask, task)), next }, null, 2))
  say(taskTable(tasks))
  if (next !== null) say(`more: --cursor ${next}`)
}

async function show({ proof, queue }: ProxyClient, id: string, json: boolean): Promise<void> {
  const { proof: _, ...task } = await proof.GetTask(id)
  const queued = await queue.ShowTask(id).catch((error: unknown) => {
    if (error instanceof RpcError && error.code === RPC_ERROR.methodNotFound) return null
    throw error
  })
  if (json) return say(JSON.stringify(queued ?? task, null, 2))
  say(taskDetails(task, queued ?? undefined))
}
