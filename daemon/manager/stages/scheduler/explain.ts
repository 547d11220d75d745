import { inTurn } from './choose.js'
import { Ledger } from './ledger.js'
import { isObstacle, type Obstacle, type RuleName, verdictOf } from './rules.js'
import type { TaskView, WorkerView, World } from './world.js'

export interface Explanation {
  readonly task: TaskView
  /** One sentence: why no worker has it. */
  readonly why: string
  /** What would change that. */
  readonly change: string
  /** What each worker says to it. */
  readonly workers: readonly { readonly worker: string; readonly answer: string }[]
}

/** How near a worker was to taking a task: the rule that is passed last is the one worth telling. */
const NEARNESS: readonly RuleName[] = [
  'kind',
  'quiet',
  'size',
  'path',
  'files',
  'removal',
  'locality',
  'memory',
  'disk',
  'gpu',
  'cores',
  'tasks',
  'backlog',
  'fetch',
]

/** Why a task waits: by the same rules as those that hand tasks out. */
export function explain(task: TaskView, world: World, ledger = new Ledger(world)): Explanation {
  const answers = world.workers.map(worker => ({ worker, verdict: verdictOf(worker, task, ledger) }))
  const takers = answers.filter(({ verdict }) => !isObstacle(verdict)).map(({ worker }) => worker)
  const workers = answers.map(({ worker, verdict }) => ({
    worker: worker.name,
    answer: isObstacle(verdict) ? verdict.text : 'can take it',
  }))
  if (takers.length > 0) return { task, workers, ...itsTurn(task, takers, world) }
  if (answers.length === 0)
    return { task, workers, why: 'no stage worker has been heard of', change: 'start one: `venus-worker run`' }
  const nearest = answers.reduce((best, answer) =>
    nearness(answer.verdict as Obstacle) > nearness(best.verdict as Obstacle) ? answer : best,
  )
  const { rule, text, change } = nearest.verdict as Obstacle
  if (rule === 'kind') {
    return { task, workers, why: `none of ${world.workers.length} workers ${text.replace('does no', 'does')}`, change }
  }
  return { task, workers, why: `${nearest.worker.name} ${text}`, change }
}

const nearness = ({ rule }: Obstacle): number => NEARNESS.indexOf(rule)

function itsTurn(task: TaskView, takers: readonly WorkerView[], world: World): Pick<Explanation, 'why' | 'change'> {
  const before = inTurn(world).findIndex(({ id }) => id === task.id)
  const names = takers.map(({ name }) => name).join(', ')
  if (before <= 0) return { why: `${names} can take it and has not asked yet`, change: 'nothing: it is next' }
  return {
    why: `${names} can take it, ${before} ${before === 1 ? 'task is' : 'tasks are'} before it`,
    change: 'nothing: its turn comes',
  }
}

/** Every waiting task, in the order in which they are offered. */
export function explainAll(world: World): Explanation[] {
  const ledger = new Ledger(world)
  return inTurn(world).map(task => explain(task, world, ledger))
}
