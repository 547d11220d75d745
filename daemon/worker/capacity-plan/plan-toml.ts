import { formatByteSize } from '../../kit/config/byte-size.js'
import { formatCpuList } from '../hardware/cpu-list.js'
import { numaNodes, type Topology } from '../hardware/topology.js'
import type { CapacityPlan } from './capacity-plan.js'
import type { AssignedGpu, GpuRole } from './gpu-roles.js'
import type { StoreRoom } from './permits.js'
import type { OtherPlace, Pc1Place } from './placement.js'
import { paceText, permitTable } from './plan-report.js'

/** What a configuration needs besides the plan. */
export interface WorkerSettings {
  readonly manager: string
  readonly miners: readonly number[]
  readonly stores: readonly StoreRoom[]
  readonly attached: readonly { readonly name?: string | undefined; readonly location: string }[]
  readonly gpuRoles: readonly GpuRole[]
  readonly topology: Topology
  /** What the plan was made for, in a line. */
  readonly title: string
}

type Value = string | number | boolean | readonly (string | number)[] | Readonly<Record<string, string>>

const quote = (text: string): string => JSON.stringify(text).replaceAll('\x7f', '\\u007f')

function valueText(value: Value): string {
  if (typeof value === 'string') return quote(value)
  if (Array.isArray(value)) return `[${value.map(each => valueText(each)).join(', ')}]`
  if (typeof value !== 'object') return String(value)
  const pairs = Object.entries(value).map(([key, inner]) => `${key} = ${quote(String(inner))}`)
  return `{ ${pairs.join(', ')} }`
}

/** A table of the file with the reason for it; keys without a value are left out. */
function table(header: string, reason: string, values: Readonly<Record<string, Value | undefined>>): string {
  const lines = Object.entries(values).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key} = ${valueText(value)}`],
  )
  return [...(reason === '' ? [] : [comment(reason)]), header, ...lines].join('\n')
}

const comment = (text: string): string =>
  text
    .split('\n')
    .map(line => `# ${line}`.trimEnd())
    .join('\n')

/** The configuration file of the worker that was planned, with the reason for every number. */
export function planToml(plan: CapacityPlan, settings: WorkerSettings): string {
  const { manager, miners, attached } = settings
  const size = formatByteSize(plan.demand.sectorSize)
  const parts = [
    heading(plan, settings.title),
    table('[sector_manager]', '', { 'rpc_client.addr': manager }),
    table('[sealing]', miners.length > 0 ? '' : 'No --miner given: sectors of every miner of the manager are sealed.', {
      allowed_miners: miners.length > 0 ? miners : undefined,
      allowed_sizes: [size],
    }),
    ...threads(plan, settings),
    ...attached.map(store => table('[[attached]]', '', { name: store.name, location: store.location })),
    ...(attached.length > 0
      ? []
      : [
          comment(
            'No --attach given. A worker needs at least one store to move sealed sectors to:\n[[attached]]\nlocation = "/path/to/persist-store"',
          ),
        ]),
    limits(plan, settings),
    ...(plan.placement === undefined ? [] : processors(plan, plan.placement.pc1, plan.placement.others, settings)),
  ]
  return `${parts.join('\n\n')}\n`
}

function heading(plan: CapacityPlan, title: string): string {
  const pace = paceText(plan)
  return comment(
    [
      title,
      '',
      permitTable(plan),
      `At once: ${plan.sectors}, ${plan.why}.`,
      ...(pace === undefined ? [] : ['', pace]),
      ...(plan.notes.length > 0 ? ['', ...plan.notes.map(note => `Note: ${note}.`)] : []),
    ].join('\n'),
  )
}

function threads({ demand, threadsByStore }: CapacityPlan, { stores, gpuRoles, miners }: WorkerSettings): string[] {
  const found = stores.flatMap((store, at) => {
    const count = threadsByStore[at]!
    const locations = store.isStore
      ? [store.path]
      : Array.from({ length: count }, (_, n) => `${store.path.replace(/\/$/, '')}/sealing-${n + 1}`)
    const each = `${formatByteSize(demand.diskBytes)} of disk each, ${formatByteSize(demand.diskBytes * count)} in all`
    return locations
      .slice(0, count)
      .map((location, n) =>
        table('[[sealing_thread]]', n === 0 ? `${count} in ${store.path}: ${each}.` : '', { location }),
      )
  })
  if (!gpuRoles.includes('wdpost')) return found
  const served = miners.length > 0 ? '' : ' Of every miner of the manager.'
  return [...found, table('[[sealing_thread]]', `Proves windows; needs no store.${served}`, { plan: 'wdpost' })]
}

function limits({ sectors, gpus, demand }: CapacityPlan, { gpuRoles }: WorkerSettings): string {
  const pc2 = Math.max(1, gpus.byRole.pc2.length)
  const c2 = Math.max(1, gpus.byRole.c2.length)
  return table(
    '[processors.limitation.concurrent]',
    [
      `pc1: every sector at once, ${formatByteSize(demand.memoryBytes)} of memory each beside ${formatByteSize(demand.sharedMemoryBytes)} in common.`,
      `tree_d: one at a time, for its memory. pc2 and c2: one for each of their GPUs, one on processors where there is none.`,
    ].join('\n'),
    {
      tree_d: 1,
      pc1: sectors,
      pc2,
      c2,
      ...(gpuRoles.includes('wdpost') ? { window_post: Math.max(1, gpus.byRole.wdpost.length) } : {}),
    },
  )
}

function processors(
  plan: CapacityPlan,
  pc1: readonly Pc1Place[],
  others: readonly OtherPlace[],
  { topology, gpuRoles }: WorkerSettings,
): string[] {
  const { byRole, shared } = plan.gpus
  const several = numaNodes(topology).length > 1
  const rest = [...others]
  /** Entries of a stage, each with its GPU or without any; takes their processors from the list, in its order. */
  const entries = (
    stage: string,
    gpus: readonly AssignedGpu[],
    envs: (gpu: AssignedGpu | undefined) => Env,
  ): string[] =>
    (gpus.length > 0 ? gpus : [undefined]).map(gpu => {
      const place = rest.shift()!
      const on = gpu === undefined ? 'No GPU.' : `GPU ${gpu.device}, ${gpu.gpu.name}.`
      return table(`[[processors.${stage}]]`, on, {
        ...placeKeys(place.cpus, several ? place.node : undefined),
        envs: Object.keys(envs(gpu)).length > 0 ? envs(gpu) : undefined,
        concurrent: 1,
        locks: shared && (stage === 'c2' || stage === 'pc2') ? [lockOf(byRole.c2[0]!)] : undefined,
      })
    })
  const c2 = entries('c2', byRole.c2, gpu => (gpu === undefined ? { BELLMAN_NO_GPU: '1' } : cuda(gpu)))
  const pc2 = entries('pc2', byRole.pc2, gpu => (gpu === undefined ? {} : { ...GPU_TREES, ...cuda(gpu) }))
  const treeD = rest.shift()!
  const locks = shared
    ? [table('[processors.ext_locks]', 'C2 and PC2 take turns on this GPU.', { [lockOf(byRole.c2[0]!)]: 1 })]
    : []
  return [
    ...locks,
    ...pc1.map(place => pc1Entry(place, several)),
    ...pc2,
    ...c2,
    table('[[processors.tree_d]]', '', placeKeys(treeD.cpus, several ? treeD.node : undefined)),
    ...(gpuRoles.includes('wdpost')
      ? entries('window_post', byRole.wdpost, gpu => (gpu === undefined ? { BELLMAN_NO_GPU: '1' } : cuda(gpu)))
      : []),
  ]
}

type Env = Readonly<Record<string, string>>

const GPU_TREES: Env = { FIL_PROOFS_USE_GPU_COLUMN_BUILDER: '1', FIL_PROOFS_USE_GPU_TREE_BUILDER: '1' }

/** The proofs count GPUs by speed unless they are told to count by the bus, as `hwinfo` does. */
const cuda = ({ device }: AssignedGpu): Env => ({
  CUDA_DEVICE_ORDER: 'PCI_BUS_ID',
  CUDA_VISIBLE_DEVICES: String(device),
})

const lockOf = ({ device }: AssignedGpu): string => `gpu${device}`

const placeKeys = (cpus: readonly number[], node: number | undefined): Record<string, Value | undefined> => ({
  numa_preferred: node,
  'cgroup.cpuset': cpus.length > 0 ? formatCpuList(cpus) : undefined,
})

const DEFAULT_PRODUCERS = 3

function pc1Entry({ node, concurrent, cpus, l3s, coresPerL3, producers }: Pc1Place, several: boolean): string {
  const multicore = producers > 0
  const helpers = multicore
    ? `${producers} helper${producers === 1 ? '' : 's'} each`
    : 'one core each, too few for helpers'
  return table(
    '[[processors.pc1]]',
    `NUMA node ${node}: ${concurrent} PC1 on ${l3s} L3 group${l3s === 1 ? '' : 's'}, ${coresPerL3} core${coresPerL3 === 1 ? '' : 's'} of each (multicore SDR wants them equal), ${helpers}.`,
    {
      ...placeKeys(cpus, several ? node : undefined),
      concurrent,
      envs: {
        ...(multicore ? { FIL_PROOFS_USE_MULTICORE_SDR: '1' } : {}),
        ...(multicore && producers !== DEFAULT_PRODUCERS
          ? { FIL_PROOFS_MULTICORE_SDR_PRODUCERS: String(producers) }
          : {}),
        FIL_PROOFS_MAXIMIZE_CACHING: '1',
      },
    },
  )
}
