import { FILES_NEEDED } from '../../../../rpc-schema/stages/kinds.js'
import { formatByteSize } from '../../../kit/config/byte-size.js'
import { formatGoDuration } from '../../../kit/config/duration.js'
import type { Ledger } from './ledger.js'
import { memoryBytesOf, needsOf, roomOfFilesBytes, roomToFillBytes } from './needs.js'
import type { PathView, TaskView, WorkerView } from './world.js'

/** Where a worker would do a task. */
export interface Placement {
  /** The path that the sector's files are on, or will be; null when it needs none. */
  readonly path: string | null
  /** The files are on another path, and are brought first. */
  readonly fetchFrom: string | null
}

/** Why a worker does not take a task, and what would change that; both go on after the worker's name or stand alone. */
export interface Obstacle {
  readonly rule: RuleName
  readonly text: string
  readonly change: string
}

interface Question {
  readonly worker: WorkerView
  readonly task: TaskView
  readonly ledger: Ledger
  readonly placement: Placement
}

type Refusal = Omit<Obstacle, 'rule'>

const refuse = (text: string, change: string): Refusal => ({ text, change })

/** The flag of `venus-worker run` that lets it do a kind. */
const FLAG: Readonly<Record<TaskView['kind'], string>> = {
  AP: '`--addpiece`',
  PC1: '`--precommit1`',
  PC2: '`--precommit2`',
  WAIT: '`venus-sealer run`, which always waits for the chain',
  C1: '`--commit`',
  C2: '`--commit`',
  FINALIZE: 'a path attached with `--store`',
}

/**
 * The rules, in the order in which an operator would look: what the worker is for, where the files are, then memory first, the disk, the GPU, the
 * cores. Each gives a reason to refuse, or undefined.
 */
const RULES = {
  kind: ({ worker, task }: Question) =>
    worker.kinds.has(task.kind)
      ? undefined
      : refuse(`does no ${task.kind}`, `run a worker with ${FLAG[task.kind]}, or \`venus-worker tasks enable\``),
  quiet: ({ worker }: Question) =>
    worker.quiet ? refuse('takes nothing new, it is to be quiet', 'start it again, or another worker') : undefined,
  size: ({ worker, task }: Question) =>
    worker.sectorSizes.length === 0 || worker.sectorSizes.includes(task.sectorSize)
      ? undefined
      : refuse(`seals no sectors of ${formatByteSize(task.sectorSize)}`, 'change the sizes that it is to seal'),
  tasks: ({ worker, ledger, task }: Question) => {
    if (isLight(task)) return undefined
    const busy = ledger.of(worker.id).filter(({ kind }) => needsOf(kind).memory > 0).length
    return busy < worker.tasksAtOnce ? undefined : refuse(`is at ${busy} tasks, its limit`, 'wait for one to end')
  },
  memory: ({ worker, ledger, task }: Question) => {
    if (isLight(task)) return undefined
    const bytes = ledger.memoryWith(worker.machine, task.kind, task.sectorSize)
    if (bytes <= worker.memoryBytes) return undefined
    const text = `would need ${formatByteSize(bytes)} of memory on ${worker.machine} with what runs there, which has ${formatByteSize(worker.memoryBytes)}`
    return refuse(text, 'wait for a task on that machine to end, or give it more memory')
  },
  gpu: ({ worker, ledger, task }: Question) => {
    const { gpu } = needsOf(task.kind)
    if (gpu === 'none' || worker.gpus.length === 0) return undefined
    if (ledger.posting(worker.machine))
      return refuse(`leaves the GPU of ${worker.machine} to the proof that is due`, 'wait for that proof')
    const own = ledger.of(worker.id).filter(({ kind }) => needsOf(kind).gpu !== 'none').length
    if (ledger.gpusFree(worker.machine) <= 0 || own >= worker.gpus.length)
      return refuse('has no GPU free', 'wait for the task that has it, or add a GPU')
    if (gpu === 'after C2' && c2WaitsFor(worker.machine, ledger) >= ledger.gpusFree(worker.machine))
      return refuse('leaves its GPU to a C2 that waits', 'wait for that C2, or let this worker use the CPU only')
    return undefined
  },
  cores: ({ worker, ledger, task }: Question) => {
    const { cores } = needsOf(task.kind)
    if (cores === 'none') return undefined
    const running = ledger.of(worker.id)
    if (cores === 'one') {
      const ones = running.filter(({ kind }) => needsOf(kind).cores === 'one').length
      return ones < worker.cores
        ? undefined
        : refuse(`has a PC1 on each of its ${worker.cores} cores`, 'wait for one to end, or give it more cores')
    }
    // With a GPU of its own a task needs the cores only now and then.
    const alls = running.filter(({ kind }) => needsOf(kind).cores === 'all').length
    return alls < Math.max(1, worker.gpus.length)
      ? undefined
      : refuse('has all its cores at another task', 'wait for that to end, or run another worker')
  },
  disk: ({ worker, ledger, task, placement }: Question) => {
    const { path, fetchFrom } = placement
    const fills = FILES_NEEDED[task.kind] === 'new' || (fetchFrom !== null && FILES_NEEDED[task.kind] === 'all')
    if (!fills || path === null) return undefined
    const wanted =
      roomToFillBytes(task.kind, task.sectorSize) +
      (fetchFrom === null ? 0 : roomOfFilesBytes(task.kind, task.sectorSize))
    const found = worker.paths.find(({ id }) => id === path)!
    const free = ledger.freeOn(found)
    if (free >= wanted) return undefined
    const text = `has ${formatByteSize(Math.max(0, free))} to promise on its path ${path}, the sector takes ${formatByteSize(wanted)}`
    return refuse(text, 'wait for a sector there to be done, or attach another path')
  },
  backlog: ({ ledger, task, placement }: Question) => {
    if (FILES_NEEDED[task.kind] !== 'new') return undefined
    const next = ledger.holders(placement.path!).filter(({ kinds, quiet }) => kinds.has('PC1') && !quiet)
    // Who fills a path that others only copy from need not wait for them.
    if (next.length === 0) return undefined
    const free = next.reduce((sum, holder) => sum + pc1PlacesFree(holder, task.sectorSize, ledger), 0)
    const begun = ledger.awaitingPc1(placement.path!)
    return begun < Math.max(1, free)
      ? undefined
      : refuse(`has ${begun} sectors before PC1 on ${placement.path} already`, 'wait for a PC1 to end')
  },
  fetch: ({ worker, ledger, placement }: Question) => {
    if (placement.fetchFrom === null) return undefined
    const fetching = ledger.of(worker.id).filter(({ fetches }) => fetches).length
    return fetching < worker.fetchLimit
      ? undefined
      : refuse(`is at ${fetching} copies, its ParallelFetchLimit`, 'wait for one to end, or raise the limit')
  },
  removal: ({ ledger, task, placement }: Question) =>
    ledger.world.removing.has(`${task.sector} on ${placement.path}`)
      ? refuse(`has files of an earlier visit removed from ${placement.path} just now`, 'wait until they are gone')
      : undefined,
  locality: ({ worker, ledger, task, placement }: Question) => {
    if (placement.fetchFrom === null || FILES_NEEDED[task.kind] !== 'all') return undefined
    const near = ledger
      .holders(placement.fetchFrom)
      .find(holder => holder.id !== worker.id && holder.kinds.has(task.kind) && !holder.quiet)
    const until = task.readyAt + ledger.world.localityPatienceMs
    if (near === undefined || ledger.world.now >= until) return undefined
    const left = formatGoDuration(until - ledger.world.now)
    return refuse(
      `leaves it to ${near.name}, which has the files`,
      `wait for ${near.name}; in ${left} they may be copied`,
    )
  },
} satisfies Record<string, (question: Question) => Refusal | undefined>

export type RuleName = keyof typeof RULES | 'files' | 'path' | 'turn'

/** A task that takes nothing that is scarce. */
export const isLight = ({ kind }: Pick<TaskView, 'kind'>): boolean => needsOf(kind).memory === 0

/** How many more PC1 a worker could begin. Workers of one machine may both count the same memory: the rule of memory has the last word. */
function pc1PlacesFree({ id, machine, memoryBytes, cores }: WorkerView, sectorSize: number, ledger: Ledger): number {
  const each = memoryBytesOf('PC1', sectorSize)
  const byMemory = Math.floor((memoryBytes - ledger.memoryWith(machine, 'PC1', sectorSize)) / each) + 1
  const byCores = cores - ledger.of(id).filter(({ kind }) => kind === 'PC1').length
  return Math.max(0, Math.min(byMemory, byCores))
}

/** C2 that a worker with a GPU of this machine could take. */
function c2WaitsFor(machine: string, ledger: Ledger): number {
  const { workers, waiting } = ledger.world
  const taker = workers.some(
    worker => worker.machine === machine && worker.gpus.length > 0 && worker.kinds.has('C2') && !worker.quiet,
  )
  return taker ? waiting.filter(({ kind }) => kind === 'C2').length : 0
}

/** Which path a worker would use, or why it has none. */
function placementOf(worker: WorkerView, task: TaskView, ledger: Ledger): Placement | Obstacle {
  const files = FILES_NEEDED[task.kind]
  const { place } = task
  if (files === 'none') return { path: null, fetchFrom: null }
  const stores = files === 'sealed'
  if (stores && !worker.paths.some(({ canStore }) => canStore))
    return {
      rule: 'path',
      text: 'has no path that keeps sealed sectors',
      change: 'attach one with `storage attach --store`',
    }
  if (files === 'new') return roomiest(worker, ledger)
  if (place === null)
    return { rule: 'files', text: 'cannot know where the files are', change: 'abort the sector: it has no files' }
  if (worker.paths.some(({ id }) => id === place)) return { path: place, fetchFrom: null }
  if (ledger.holders(place).length === 0)
    return {
      rule: 'files',
      text: `cannot get the files: no worker that is heard of has their path ${place}`,
      change:
        'start the worker that has this path, mount the path again, or, if the disk is lost, `sealing abort` the sector',
    }
  if (files !== 'all') return { path: null, fetchFrom: place }
  const target = roomiest(worker, ledger)
  return 'rule' in target ? target : { ...target, fetchFrom: place }
}

function roomiest(worker: WorkerView, ledger: Ledger): Placement | Obstacle {
  const [best] = worker.paths
    .filter(({ canSeal }) => canSeal)
    .sort((a: PathView, b: PathView) => ledger.freeOn(b) - ledger.freeOn(a))
  if (best !== undefined) return { path: best.id, fetchFrom: null }
  return { rule: 'path', text: 'has no path to seal on', change: 'attach one with `storage attach --seal`' }
}

/** Where a worker would do a task now, or the first rule that is against it. Which task is next is not asked here. */
export function verdictOf(worker: WorkerView, task: TaskView, ledger: Ledger): Placement | Obstacle {
  for (const rule of ['kind', 'quiet', 'size'] as const) {
    const refusal = RULES[rule]({ worker, task, ledger, placement: NOWHERE })
    if (refusal !== undefined) return { rule, ...refusal }
  }
  const placement = placementOf(worker, task, ledger)
  if ('rule' in placement) return placement
  for (const rule of ['removal', 'locality', 'memory', 'disk', 'gpu', 'cores', 'tasks', 'backlog', 'fetch'] as const) {
    const refusal = RULES[rule]({ worker, task, ledger, placement })
    if (refusal !== undefined) return { rule, ...refusal }
  }
  return placement
}

const NOWHERE: Placement = { path: null, fetchFrom: null }

export const isObstacle = (verdict: Placement | Obstacle): verdict is Obstacle => 'rule' in verdict
