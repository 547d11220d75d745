import type { ChildConfig, ChildStage } from '../../../kit/processors/child-config.js'
import { formatCpuList, parseCpuList } from '../../hardware/cpu-list.js'
import { type L3Group, l3Groups, numaNodes, type Topology } from '../../hardware/topology.js'
import type { ProcessorsConfig } from '../processors-config.js'

/** Something about where the children are to run. */
export interface PlacementProblem {
  readonly severity: 'error' | 'warning'
  /** As in the file, entries counted from 0: `processors.pc1[0].cgroup.cpuset`. */
  readonly path: string
  readonly message: string
}

/** Switch of the proofs library: PC1 divides its cores by the L3 caches that they share. */
const MULTICORE_SDR = 'FIL_PROOFS_USE_MULTICORE_SDR'
/** With memory files on every node PC1 takes what is near to its cores by itself. */
const HUGEPAGES = ['HUGEPAGE_FILES_PATH', 'HUGEPAGE_FILES_PATH_PATTERN']

/** Checks every entry against the machine; without a topology only the syntax. `workerEnv`: what children inherit. */
export function placementProblems(
  children: ProcessorsConfig['children'],
  topology: Topology | undefined,
  workerEnv: NodeJS.ProcessEnv,
): PlacementProblem[] {
  return Object.entries(children).flatMap(([stage, entries]) =>
    (entries ?? []).flatMap((entry, index) => {
      const key = `processors.${stage}[${index}]`
      const env = { ...(entry.inheritEnvs ? workerEnv : {}), ...entry.envs }
      return entryProblems(key, stage as ChildStage, entry, env, topology)
    }),
  )
}

function entryProblems(
  key: string,
  stage: ChildStage,
  config: ChildConfig,
  env: NodeJS.ProcessEnv,
  topology: Topology | undefined,
): PlacementProblem[] {
  const problem = (severity: PlacementProblem['severity'], field: string, message: string): PlacementProblem => ({
    severity,
    path: `${key}.${field}`,
    message,
  })
  const { numaPreferred } = config
  const nodes = topology === undefined ? [] : numaNodes(topology)
  const found: PlacementProblem[] = []
  if (numaPreferred !== undefined && topology !== undefined && !nodes.some(node => node.index === numaPreferred)) {
    const known = formatCpuList(nodes.map(node => node.index))
    found.push(
      problem('warning', 'numa_preferred', `this machine has no NUMA node ${numaPreferred}, its nodes are ${known}`),
    )
  }
  const text = config.cgroup.cpuset
  if (text === undefined) return found

  let cpus: Set<number>
  try {
    cpus = new Set(cpusOf(text))
  } catch (error) {
    return [...found, problem('error', 'cgroup.cpuset', (error as Error).message)]
  }
  if (topology === undefined) return found
  const all = new Set(l3Groups(topology).flatMap(group => group.pus.map(pu => pu.index)))
  const missing = [...cpus].filter(cpu => !all.has(cpu))
  if (missing.length > 0) {
    const message = `"${text}" names processors that this machine does not have: ${formatCpuList(missing)}; it has ${formatCpuList([...all])}`
    return [...found, problem('error', 'cgroup.cpuset', message)]
  }

  if (stage === 'pc1' && isOn(env[MULTICORE_SDR])) {
    const uneven = unevenCaches(l3Groups(topology), cpus, text)
    if (uneven !== undefined) found.push(problem('error', 'cgroup.cpuset', uneven))
  }
  const touched = nodes.filter(node => node.l3Groups.some(group => group.pus.some(pu => cpus.has(pu.index))))
  const names = formatCpuList(touched.map(node => node.index))
  if (touched.length > 1 && !usesHugepages(config, env)) {
    found.push(
      problem('warning', 'cgroup.cpuset', `"${text}" crosses the NUMA nodes ${names}: memory of another node is slow`),
    )
  }
  if (
    numaPreferred !== undefined &&
    nodes.some(node => node.index === numaPreferred) &&
    !touched.some(node => node.index === numaPreferred)
  ) {
    const message = `node ${numaPreferred} has none of the processors "${text}", which are on node ${names}`
    found.push(problem('warning', 'numa_preferred', message))
  }
  return found
}

function cpusOf(text: string): number[] {
  const cpus = parseCpuList(text)
  if (cpus.length === 0) throw new Error('expected a list of processors like "0-3,8", found an empty one')
  return cpus
}

const isOn = (value: string | undefined): boolean => /^(1|true|on|yes)$/i.test(value ?? '')

const usesHugepages = (config: ChildConfig, env: NodeJS.ProcessEnv): boolean =>
  HUGEPAGES.some(name => env[name]) || (config.args ?? []).some(arg => /^--hugepage[-_]files[-_]path/.test(arg))

/** Why multicore SDR cannot run on these processors, and which it could run on; undefined when it can. */
function unevenCaches(groups: readonly L3Group[], cpus: ReadonlySet<number>, text: string): string | undefined {
  const used = groups
    .filter(group => group.sizeBytes > 0)
    .map(group => ({ group, cores: coresOf(group, cpus) }))
    .filter(({ cores }) => cores.size > 0)
  const counts = used.map(({ cores }) => cores.size)
  if (new Set(counts).size <= 1) return undefined
  const wanted = Math.max(...used.map(({ group }) => coresOf(group, undefined).size))
  const grown = formatCpuList([...cpus, ...used.flatMap(({ group }) => completing(group, cpus, wanted))])
  const full = used.filter(({ group, cores }) => cores.size === coresOf(group, undefined).size)
  const shrunk = formatCpuList(full.flatMap(({ group }) => group.pus.map(pu => pu.index)).filter(cpu => cpus.has(cpu)))
  const smaller = shrunk === '' ? '' : `, or "${shrunk}"`
  return (
    `with ${MULTICORE_SDR} every shared L3 cache must have the same number of cores, but "${text}" takes ` +
    `${counts.join(' + ')} cores of ${counts.length} caches: PC1 cannot start; "${grown}" would be right${smaller}`
  )
}

/** The cores of a cache, each with its processors; only the given processors count. */
function coresOf(group: L3Group, cpus: ReadonlySet<number> | undefined): Map<number, number[]> {
  const cores = new Map<number, number[]>()
  for (const { core, index } of group.pus) {
    if (cpus === undefined || cpus.has(index)) cores.set(core, [...(cores.get(core) ?? []), index])
  }
  return cores
}

/** Processors of the cores that are not used yet; as many of each core as of the used ones. */
function completing(group: L3Group, cpus: ReadonlySet<number>, wanted: number): number[] {
  const mine = coresOf(group, cpus)
  const perCore = Math.max(...[...mine.values()].map(each => each.length))
  const free = [...coresOf(group, undefined)].filter(([core]) => !mine.has(core))
  return free.slice(0, Math.max(0, wanted - mine.size)).flatMap(([, pus]) => pus.slice(0, perCore))
}
