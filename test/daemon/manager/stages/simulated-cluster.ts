import { choose } from '../../../../daemon/manager/stages/scheduler/choose.js'
import { memoryBytesOf, parentsBytesOf } from '../../../../daemon/manager/stages/scheduler/needs.js'
import type {
  RestingView,
  RunningView,
  TaskView,
  WorkerView,
} from '../../../../daemon/manager/stages/scheduler/world.js'
import { STAGE_KINDS, type StageKind } from '../../../../rpc-schema/stages/kinds.js'
import { MINUTE, SIZE_32, world } from './world-under-test.js'

/** The tasks of a sector in their order; WAIT comes twice. */
const STAGES: readonly StageKind[] = ['AP', 'PC1', 'PC2', 'WAIT', 'C1', 'C2', 'FINALIZE', 'WAIT']

export interface ClusterOptions {
  readonly workers: readonly WorkerView[]
  readonly sectors: number
  readonly maxSealing: number
  /** Minutes of each kind. */
  readonly minutes: Readonly<Record<StageKind, number>>
  /** And of a copy of all files, or of the sealed ones. */
  readonly copyMinutes: number
}

interface Sector {
  readonly name: string
  step: number
  place: string | null
  readyAt: number
}

interface Work extends RunningView {
  readonly sector: Sector
  readonly endsAt: number
}

export interface Outcome {
  readonly makespanMinutes: number
  readonly done: number
  readonly claims: number
  /** The longest that a task of each kind has been ready and not begun, minutes. */
  readonly longestWait: Readonly<Record<StageKind, number>>
  readonly mostInFlight: number
  readonly copies: number
  /** Machine -> the most memory that its tasks took at once, as the test adds it up. */
  readonly mostMemory: ReadonlyMap<string, number>
}

/** Sectors on their way through workers that ask for tasks, on a clock that jumps from event to event. */
export function simulate({ workers, sectors, maxSealing, minutes, copyMinutes }: ClusterOptions): Outcome {
  const waiting = new Map<string, { view: TaskView; sector: Sector; rests: RestingView | undefined }>()
  const work = new Set<Work>()
  const longestWait = Object.fromEntries(STAGE_KINDS.map(kind => [kind, 0])) as Record<StageKind, number>
  const mostMemory = new Map<string, number>()
  const machineOf = new Map(workers.map(({ id, machine }) => [id, machine]))
  let [now, begun, inFlight, mostInFlight, done, claims, copies, turn] = [0, 0, 0, 0, 0, 0, 0, 0]

  /** What has changed since everybody was asked. */
  const offered = new Set<StageKind>()
  const freed = new Set<string>()
  const offer = (sector: Sector): void => {
    const kind = STAGES[sector.step]!
    offered.add(kind)
    const id = `${sector.name}/${sector.step}`
    const { place } = sector
    const view = { id, sector: sector.name, kind, sectorSize: SIZE_32, place, readyAt: now }
    waiting.set(id, {
      view,
      sector,
      rests: place === null ? undefined : { path: place, kind, sectorSize: SIZE_32 },
    })
    sector.readyAt = now
  }
  const pledge = (): void => {
    for (; inFlight < maxSealing && begun < sectors; begun++, inFlight++)
      offer({ name: `s-${String(begun).padStart(5, '0')}`, step: 0, place: null, readyAt: now })
    mostInFlight = Math.max(mostInFlight, inFlight)
  }
  const resting = (): RestingView[] => {
    const views: RestingView[] = []
    for (const { rests } of waiting.values()) if (rests !== undefined) views.push(rests)
    return views
  }
  const memory = (machine: string): number => {
    const here = [...work].filter(({ worker }) => machineOf.get(worker) === machine)
    const parents = here.some(({ kind }) => kind === 'PC1') ? parentsBytesOf(SIZE_32) : 0
    return here.reduce((sum, { kind }) => sum + memoryBytesOf(kind, SIZE_32), parents)
  }
  const ask = (who: WorkerView): boolean => {
    const tasks = [...waiting.values()].map(({ view }) => view)
    const of = world({ now, workers, running: [...work], resting: resting(), waiting: tasks })
    const choice = choose(who.id, of)
    if (choice === undefined) return false
    const { sector } = waiting.get(choice.task.id)!
    waiting.delete(choice.task.id)
    const { kind } = choice.task
    const { path, fetchFrom } = choice.placement
    longestWait[kind] = Math.max(longestWait[kind], (now - sector.readyAt) / MINUTE)
    if (path !== null && kind !== 'FINALIZE') sector.place = path
    if (fetchFrom !== null) copies++
    const takes = (minutes[kind] + (fetchFrom === null || kind === 'C2' ? 0 : copyMinutes)) * MINUTE
    work.add({
      kind,
      sectorSize: SIZE_32,
      worker: who.id,
      path,
      fetches: fetchFrom !== null,
      sector,
      endsAt: now + takes,
    })
    mostMemory.set(who.machine, Math.max(mostMemory.get(who.machine) ?? 0, memory(who.machine)))
    claims++
    return true
  }
  const askAll = (): void => {
    // Who asks first is chance: workers ask when they are through with something.
    turn = (turn * 31 + 17) % workers.length
    for (const who of [...workers.slice(turn), ...workers.slice(0, turn)])
      if (freed.has(who.machine) || [...who.kinds].some(kind => offered.has(kind))) while (ask(who));
    offered.clear()
    freed.clear()
  }

  pledge()
  askAll()
  while (work.size > 0) {
    now = Math.min(...[...work].map(({ endsAt }) => endsAt))
    for (const ended of [...work].filter(({ endsAt }) => endsAt === now)) {
      work.delete(ended)
      freed.add(machineOf.get(ended.worker)!)
      ended.sector.step++
      if (ended.sector.step < STAGES.length) offer(ended.sector)
      else {
        done++
        inFlight--
      }
    }
    pledge()
    askAll()
  }
  return { makespanMinutes: now / MINUTE, done, claims, longestWait, mostInFlight, copies, mostMemory }
}

/**
 * No schedule is faster: the busiest kind keeps all its places busy from when the first sector reaches it until the last has only the rest of its way
 * before it.
 */
export function leastMinutes(
  { sectors, minutes }: Pick<ClusterOptions, 'sectors' | 'minutes'>,
  places: Readonly<Partial<Record<StageKind, number>>>,
): number {
  const bounds = STAGES.map((kind, step) => {
    const sum = (kinds: readonly StageKind[]): number => kinds.reduce((total, other) => total + minutes[other], 0)
    const at = places[kind] ?? Number.POSITIVE_INFINITY
    return sum(STAGES.slice(0, step)) + (sectors * minutes[kind]) / at + sum(STAGES.slice(step + 1))
  })
  return Math.max(...bounds)
}
