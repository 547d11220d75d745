import { Ledger } from './ledger.js'
import { needsOf, roomToFillBytes } from './needs.js'
import { isLight, isObstacle, type Obstacle, type Placement, type RuleName, verdictOf } from './rules.js'
import type { TaskView, WorkerView, World } from './world.js'

export interface Choice {
  readonly task: TaskView
  readonly placement: Placement
}

/** What a worker lacks only for as long as other tasks are at work, and which tasks would take more of it. */
const COMPETES: Readonly<Partial<Record<RuleName, (task: TaskView) => boolean>>> = {
  memory: task => !isLight(task),
  tasks: task => !isLight(task),
  disk: ({ kind, sectorSize }) => roomToFillBytes(kind, sectorSize) > 0,
  gpu: ({ kind }) => needsOf(kind).gpu !== 'none',
  cores: ({ kind }) => needsOf(kind).cores === 'all',
}

/** How often a task's patience has been used up; twice is as bad as it gets. */
const lateness = ({ readyAt }: TaskView, { now, patienceMs }: World): number =>
  Math.min(2, Math.floor((now - readyAt) / patienceMs))

/**
 * The order in which tasks are offered: who has waited beyond patience first; then sectors that are the nearest to their end; then what is on the
 * worker's own paths, which need not be copied; then the oldest. Beyond twice the patience nothing counts but age.
 */
export function inTurn(
  world: World,
  tasks: readonly TaskView[] = world.waiting,
  isNear: (task: TaskView) => boolean = () => true,
): TaskView[] {
  return tasks
    .map(task => ({ task, late: lateness(task, world), rank: needsOf(task.kind).rank, near: Number(isNear(task)) }))
    .sort((a, b) => {
      if (a.late !== b.late) return b.late - a.late
      const older = a.task.readyAt - b.task.readyAt || (a.task.id < b.task.id ? -1 : 1)
      return a.late > 1 ? older : b.rank - a.rank || b.near - a.near || older
    })
    .map(({ task }) => task)
}

/** The task that a worker gets now, or undefined. A pure function of the world. */
export function choose(workerId: string, world: World): Choice | undefined {
  const worker = world.workers.find(({ id }) => id === workerId)
  if (worker === undefined) return undefined
  const tasks = world.waiting.filter(({ kind }) => worker.kinds.has(kind))
  if (tasks.length === 0) return undefined
  const own = new Set(worker.paths.map(({ id }) => id))
  const isNear = ({ place }: TaskView): boolean => place === null || own.has(place)
  return new Turn(worker, new Ledger(world)).next(inTurn(world, tasks, isNear))
}

/** One worker's turn: goes through the tasks in order and stands back for one that has waited too long. */
class Turn {
  readonly #worker: WorkerView
  readonly #ledger: Ledger
  /** As if nothing were at work. */
  #idle: Ledger | undefined
  /** Tasks that look the same are judged once. */
  readonly #verdicts = new Map<string, Placement | Obstacle>()

  constructor(worker: WorkerView, ledger: Ledger) {
    this.#worker = worker
    this.#ledger = ledger
  }

  next(tasks: readonly TaskView[]): Choice | undefined {
    const { now, patienceMs } = this.#ledger.world
    const keptFrom: ((task: TaskView) => boolean)[] = []
    for (const task of tasks) {
      if (keptFrom.some(competes => competes(task))) continue
      const verdict = this.#verdict(task)
      if (!isObstacle(verdict)) return { task, placement: verdict }
      const competes = COMPETES[verdict.rule]
      // Smaller tasks would slip past it for ever: what becomes free here is kept for it.
      if (competes !== undefined && now - task.readyAt >= patienceMs && this.#fitsWhenIdle(task))
        keptFrom.push(competes)
    }
    return undefined
  }

  #verdict(task: TaskView): Placement | Obstacle {
    const { kind, sectorSize, place, sector } = task
    const { removing } = this.#ledger.world
    const key = `${kind}/${sectorSize}/${place}/${this.#mayBeCopied(task)}/${removing.size > 0 ? sector : ''}`
    const known = this.#verdicts.get(key) ?? verdictOf(this.#worker, task, this.#ledger)
    this.#verdicts.set(key, known)
    return known
  }

  #mayBeCopied({ readyAt }: TaskView): boolean {
    const { now, localityPatienceMs } = this.#ledger.world
    return now >= readyAt + localityPatienceMs
  }

  #fitsWhenIdle(task: TaskView): boolean {
    this.#idle ??= new Ledger({ ...this.#ledger.world, running: [], resting: [], waiting: [] })
    return !isObstacle(verdictOf(this.#worker, task, this.#idle))
  }
}
