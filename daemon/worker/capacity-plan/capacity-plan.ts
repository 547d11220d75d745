import { demandOf, type SectorDemand } from '../../kit/sealing/sector-demand.js'
import type { Machine } from '../hardware/machine.js'
import { l3Groups, pusOf } from '../hardware/topology.js'
import type { SealingLine } from '../sealcalc/model.js'
import { assignGpus, type GpuAssignment, type GpuRole } from './gpu-roles.js'
import { type Permit, permitsOf, roomsOf, type StoreRoom } from './permits.js'
import { type Placement, pc1Slots, placeWork } from './placement.js'
import { expectedMinutes, type StageMinutes } from './stage-minutes.js'
import { sectorsPerDay, stageLoads } from './throughput.js'

/** What a worker shall do. */
export interface Goal {
  readonly sectorSize: number
  /** Sectors at once; undefined: as many as `sectorsPerDay` takes, or as the machine permits. */
  readonly threads?: number | undefined
  readonly sectorsPerDay?: number | undefined
  /** Sectors less than memory permits. */
  readonly headroom: number
  /** Work that gets GPUs; with `wdpost` the worker proves windows too. */
  readonly gpuRoles: readonly GpuRole[]
  /** Measured minutes, in place of the expected ones. */
  readonly minutes: Partial<StageMinutes>
  readonly stores: readonly StoreRoom[]
}

/** How many sectors each resource permits. */
export interface Survey {
  readonly demand: SectorDemand
  readonly permits: readonly Permit[]
  /** Names of what permits the least. */
  readonly binding: readonly Permit['resource'][]
  readonly cores: { readonly count: number; readonly l3s: number; readonly pc1Slots: number }
}

export interface CapacityPlan extends Survey {
  /** Sectors at once: sealing threads, and the limit of PC1. */
  readonly sectors: number
  /** Why not more. */
  readonly why: string
  /** Sealing threads in each of the goal's stores. */
  readonly threadsByStore: readonly number[]
  readonly gpus: GpuAssignment
  /** undefined for trial sectors. */
  readonly placement: Placement | undefined
  readonly line: SealingLine | undefined
  /** Sectors a day to be expected; undefined when no times are known. */
  readonly perDay: number | undefined
  readonly notes: readonly string[]
}

export interface Impossible extends Survey {
  /** Each resource that is too small, by how much. */
  readonly lacks: readonly string[]
}

export type PlanResult = { readonly plan: CapacityPlan } | { readonly impossible: Impossible }

/** Threads for trial sectors, when nobody says how many. */
const TRIAL_THREADS = 4
/** Where the search for what a goal takes gives up. */
const MOST_SECTORS = 4_096

/** Plans a worker: memory decides how many sectors at once, then the disk; processors and GPUs decide how fast. */
export function planCapacity(machine: Machine, goal: Goal): PlanResult {
  const demand = demandOf(goal.sectorSize)
  const permits = permitsOf(demand, {
    memoryBytes: machine.memory.limitBytes ?? machine.memory.totalBytes,
    reservedMemoryBytes: goal.gpuRoles.includes('wdpost') ? demand.windowPostMemoryBytes : 0,
    stores: goal.stores,
  })
  const least = Math.min(...permits.map(permit => Math.floor(permit.permits)))
  const survey: Survey = {
    demand,
    permits,
    binding: permits
      .filter(permit => Math.floor(permit.permits) === least && !(demand.forTrials && least >= TRIAL_THREADS))
      .map(permit => permit.resource),
    cores: {
      count: new Set(pusOf(machine.topology).map(pu => pu.core)).size,
      l3s: l3Groups(machine.topology).length,
      pc1Slots: pc1Slots(machine.topology),
    },
  }
  const lacking = (sectors: number): string[] => permits.flatMap(permit => permit.shortage(sectors) ?? [])
  const wanted = goal.threads ?? 1
  if (lacking(wanted).length > 0) return { impossible: { ...survey, lacks: lacking(wanted) } }
  const most = mostSectors(goal, survey)
  if (goal.sectorsPerDay === undefined) return { plan: complete(machine, goal, survey, most) }
  const found = sectorsFor(goal.sectorsPerDay, most.sectors, sectors => expected(machine, goal, sectors).perDay ?? 0)
  if (found !== undefined) {
    const why = `the fewest that are expected to give ${goal.sectorsPerDay} sectors a day (${most.sectors} are possible)`
    return { plan: complete(machine, goal, survey, { sectors: found, why }) }
  }
  return { impossible: { ...survey, lacks: lacksForPace(machine, goal, goal.sectorsPerDay, most.sectors, lacking) } }
}

interface Count {
  readonly sectors: number
  readonly why: string
}

function mostSectors({ threads, headroom }: Goal, { permits, binding, demand, cores }: Survey): Count {
  if (threads !== undefined) return { sectors: threads, why: 'as asked for' }
  const whole = permits.map(permit => Math.floor(permit.permits))
  const [memory, disk] = whole as [number, number]
  if (demand.forTrials) {
    const sectors = Math.min(memory, disk, cores.count, TRIAL_THREADS)
    return { sectors, why: `sectors of this size are for trials: no more than ${TRIAL_THREADS}, one a core` }
  }
  const held = Math.min(headroom, memory - 1)
  const sectors = Math.min(memory - held, disk)
  const says = `memory permits ${numberText(permits[0]!.permits)}`
  if (sectors === disk && disk < memory - held) return { sectors, why: `the disk permits no more; ${says}` }
  const also = binding.includes('disk') && disk === memory - held ? ', the disk as many' : ''
  return {
    sectors,
    why:
      held > 0
        ? `${says}, ${held} held back for C2 (which takes more than its share) and the system: watch the memory before you use it${also}`
        : `${says}${headroom > 0 ? ', too few to hold one back: watch the memory' : ', none held back'}${also}`,
  }
}

/** What is expected of so many sectors at once. */
function expected(
  machine: Machine,
  { gpuRoles, minutes: measured, sectorSize }: Goal,
  sectors: number,
): { gpus: GpuAssignment; line: SealingLine | undefined; perDay: number | undefined } {
  const withGpus = { ...expectedMinutes(sectorSize, { pc2: true, c2: true }), ...measured }
  const cycle = ['treeD', 'pc1', 'pc2', 'c2', 'seed'].reduce(
    (sum, stage) => sum + (withGpus[stage as keyof StageMinutes] ?? 0),
    0,
  )
  const gpus = assignGpus(
    machine.gpus,
    gpuRoles,
    (role, have) => have / (withGpus[role] ?? Number.POSITIVE_INFINITY) < sectors / cycle,
  )
  const has = { pc2: gpus.byRole.pc2.length > 0, c2: gpus.byRole.c2.length > 0 }
  const minutes = { ...expectedMinutes(sectorSize, has), ...measured }
  const { treeD, pc1, pc2, c2, seed } = minutes
  if (treeD === undefined || pc1 === undefined || pc2 === undefined || c2 === undefined || seed === undefined) {
    return { gpus, line: undefined, perDay: undefined }
  }
  const line: SealingLine = {
    treeD: { minutes: treeD, concurrent: 1 },
    pc1: { minutes: pc1, concurrent: sectors },
    pc2: { minutes: pc2, concurrent: Math.max(1, gpus.byRole.pc2.length) },
    c2: { minutes: c2, concurrent: Math.max(1, gpus.byRole.c2.length) },
    seedMinutes: seed,
    sealingThreads: sectors,
  }
  const shared = gpus.shared ? (24 * 60) / (pc2 + c2) : Number.POSITIVE_INFINITY
  return { gpus, line, perDay: Math.min(sectorsPerDay(line), shared) }
}

/** The fewest sectors at once, up to `most`, that reach a pace; undefined when none does. More sectors are never slower. */
function sectorsFor(pace: number, most: number, perDay: (sectors: number) => number): number | undefined {
  if (perDay(most) < pace) return undefined
  let [low, high] = [1, most]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (perDay(middle) >= pace) high = middle
    else low = middle + 1
  }
  return low
}

function lacksForPace(
  machine: Machine,
  goal: Goal,
  pace: number,
  most: number,
  lacking: (sectors: number) => string[],
): string[] {
  const pacer = (sectors: number): number => expected(machine, goal, sectors).perDay ?? 0
  const { perDay, line } = expected(machine, goal, most)
  if (perDay === undefined || line === undefined) {
    return [`times of stages: nothing is known of sectors of this size; give --pc1-mins and the others`]
  }
  const reached = `${most} sectors at once are expected to give ${numberText(perDay)} a day, not ${pace}`
  let enough = most
  while (enough < MOST_SECTORS && pacer(enough) < pace) enough *= 2
  const needed = sectorsFor(pace, Math.min(enough, MOST_SECTORS), pacer)
  if (needed === undefined) {
    const narrowest = stageLoads(line)
      .filter(({ stage }) => stage !== 'threads' && stage !== 'pc1')
      .reduce((best, load) => (load.perDay < best.perDay ? load : best))
    const { stage, concurrent, minutes } = narrowest
    return [
      `${reached}; ${stage} (${concurrent} at once, ${minutes} minutes each) does ${numberText(narrowest.perDay)} a day at most: it needs ${Math.ceil((pace * minutes) / 1_440)} at once`,
    ]
  }
  const lacks = lacking(needed)
  return [`${reached}; that takes ${needed} sectors at once`, ...(lacks.length > 0 ? lacks : ['a smaller --headroom'])]
}

function complete(machine: Machine, goal: Goal, survey: Survey, { sectors, why }: Count): CapacityPlan {
  const { gpus, line, perDay } = expected(machine, goal, sectors)
  const { demand, cores } = survey
  const placement = demand.forTrials
    ? undefined
    : placeWork(machine.topology, sectors, demand.memoryBytes, otherWishes(gpus, goal.gpuRoles))
  const notes = [...(demand.forTrials ? [] : gpus.notes)]
  if (!demand.forTrials && sectors > cores.pc1Slots) {
    notes.push(
      `${sectors} PC1 share the cores of ${cores.pc1Slots}: nothing breaks, but each takes longer than the minutes above (--pc1-mins says how long)`,
    )
  }
  return {
    ...survey,
    sectors,
    why,
    threadsByStore: roomsOf(goal.stores, demand.diskBytes, sectors),
    gpus,
    placement,
    line,
    perDay,
    notes,
  }
}

/** Stages beside PC1 that get processors of their own: one for each C2, PC2, tree D and window PoSt, in this order. */
function otherWishes(
  { byRole }: GpuAssignment,
  roles: readonly GpuRole[],
): { weight: number; node?: number | undefined }[] {
  const near = (role: GpuRole, weight: number) =>
    byRole[role].length > 0 ? byRole[role].map(({ gpu }) => ({ weight, node: gpu.numaNode })) : [{ weight }]
  return [...near('c2', 3), ...near('pc2', 2), { weight: 1 }, ...(roles.includes('wdpost') ? near('wdpost', 2) : [])]
}

/** Up to three digits behind the point. */
export const numberText = (value: number): string => String(Number(value.toFixed(3)))
