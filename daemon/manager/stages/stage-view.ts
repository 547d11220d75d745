import type {
  PledgesExplanation,
  StageExplanation,
  StageTaskInfo,
  StageWorkerInfo,
} from '../../../rpc-schema/manager/stages.js'
import { explainPledges, type PledgeFacts } from './pledge-explanation.js'
import { explainAll } from './scheduler/explain.js'
import type { StageDesk } from './stage-desk.js'
import type { StageTask } from './stage-repository.js'
import { isHeard, workerOf } from './stage-world.js'

/** What operators see of stage tasks and workers. */
export class StageView {
  readonly #desk: Pick<StageDesk, 'look'>

  constructor(desk: Pick<StageDesk, 'look'>) {
    this.#desk = desk
  }

  async tasks(): Promise<StageTaskInfo[]> {
    const { tasks, workers } = await this.#desk.look()
    const names = new Map(workers.map(({ report }) => [report.ID, report.Name]))
    return tasks
      .toSorted((a, b) => a.readyAt - b.readyAt)
      .map(task => ({
        ID: task.id,
        Sector: task.sid,
        Kind: task.kind,
        State: task.state,
        Worker: task.state === 'running' ? (names.get(workerOf(task.owner)) ?? task.owner) : '',
        Place: task.place ?? '',
        Attempts: task.attempts,
        ReadyAt: task.readyAt,
        StartedAt: task.startedAt,
        NotBefore: task.notBefore,
        Error: task.error,
      }))
  }

  async workers(): Promise<StageWorkerInfo[]> {
    const { tasks, workers, world } = await this.#desk.look()
    return workers.map(worker => {
      const { report, seenAt } = worker
      const { ID, Name, Version, Machine, Kinds, Quiet, MemoryBytes, Cores, GPUs, Paths } = report
      const Posting = world.workers.some(view => view.id === ID && view.posting)
      const Tasks = tasks.filter(task => task.state === 'running' && workerOf(task.owner) === ID).map(({ id }) => id)
      const Heard = isHeard(worker, world.now)
      return {
        ID,
        Name,
        Version,
        Machine,
        Heard,
        SeenAt: seenAt,
        Kinds,
        Quiet,
        MemoryBytes,
        Cores,
        GPUs,
        Posting,
        Paths,
        Tasks,
      }
    })
  }

  /** Why sectors that were asked for are not begun; null when none waits. */
  async explainPledges(facts: PledgeFacts): Promise<PledgesExplanation> {
    const { world } = await this.#desk.look()
    const told = explainPledges(facts, world)
    return told === undefined ? null : { Waiting: facts.waiting, Why: told.why, Change: told.change }
  }

  /** Why tasks wait; of one that does not, what it is at. */
  async explain(id: string | null): Promise<StageExplanation[]> {
    const { tasks, world, workers: all } = await this.#desk.look()
    const of = new Map(tasks.map(task => [task.id, task]))
    if (id !== null && !of.has(id)) throw new Error(`task ${id} is not known, or done`)
    const waiting = explainAll(world).map(({ task, why, change, workers }) => {
      const { kind, sid } = of.get(task.id)!
      const Workers = workers.map(({ worker, answer }) => ({ Worker: worker, Answer: answer }))
      return { Task: task.id, Kind: kind, Sector: sid, Why: why, Change: change, Workers }
    })
    const known = new Set(waiting.map(({ Task }) => Task))
    const nameOf = (owner: string): string =>
      all.find(({ report }) => report.ID === workerOf(owner))?.report.Name ?? workerOf(owner)
    const others = tasks.filter(task => !known.has(task.id)).flatMap(task => standing(task, id === task.id, nameOf))
    return [...waiting, ...others].filter(({ Task }) => id === null || Task === id)
  }
}

/** What is said of a task that no worker is asked about. A running one is told of only when it is asked for. */
function standing(
  { id, kind, sid, state, owner, error, notBefore }: StageTask,
  asked: boolean,
  nameOf: (owner: string) => string,
): StageExplanation[] {
  const told = (Why: string, Change: string): StageExplanation[] => [
    { Task: id, Kind: kind, Sector: sid, Why, Change, Workers: [] },
  ]
  if (state === 'parked')
    return told(`parked: ${error}`, '`sealing retry` when the cause is mended, or `sectors remove`')
  if (state === 'ready')
    return told(`tried before: ${error}`, `nothing: it is tried again at ${new Date(notBefore).toISOString()}`)
  if (!asked) return []
  return kind === 'WAIT'
    ? told(`${nameOf(owner)} waits for the chain`, 'nothing: it goes on when the chain does')
    : told(`${nameOf(owner)} is at it`, 'nothing: it waits for nobody')
}
