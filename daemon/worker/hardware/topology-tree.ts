import { sizeText } from './size-text.js'
import { l3Groups, numaNodes, pusOf, type Topology } from './topology.js'

/** A set of processors with a name: a package, a cache, a core. */
interface Place {
  readonly label: string
  /** Among places with the same processors the lower rank is outside. */
  readonly rank: number
  readonly pus: ReadonlySet<number>
  /** Memory that belongs to it, told before what it is made of. */
  readonly memory: string[]
  readonly children: Place[]
}

const RANK = { machine: 0, package: 1, group: 2, cache: 3, core: 20, pu: 21 } as const
const HIGHEST_CACHE = 9
const LISTED_WHOLE = 8
const LISTED_ENDS = 3

/**
 * The processors of a machine as a tree, as `hwloc` orders it. Below the first cache there is one line with its processors; in `full`
 * there are the caches below it, cores and processors.
 */
export function topologyTree(topology: Topology, full = false): string {
  const root = nest(topology, full)
  return [root.label, ...branches(root, full)].join('\n')
}

const place = (label: string, rank: number, pus: Iterable<number>): Place => ({
  label,
  rank,
  pus: new Set(pus),
  memory: [],
  children: [],
})

const named = (name: string): string => (name === '' ? '' : ` (${name})`)

function nest(topology: Topology, full: boolean): Place {
  const all = pusOf(topology)
  const machine = place(
    `Machine (${sizeText(topology.memoryBytes)})${named(topology.model ?? '')}`,
    RANK.machine,
    all.map(pu => pu.index),
  )
  const packages = topology.packages.map(({ model, numaNodes }) => {
    const memory = numaNodes.reduce((sum, node) => sum + node.memoryBytes, 0)
    const pus = numaNodes.flatMap(node => node.l3Groups).flatMap(group => group.pus)
    return place(
      `Package (${sizeText(memory)})${named(model)}`,
      RANK.package,
      pus.map(pu => pu.index),
    )
  })
  const inside = [...memoryGroups(topology, machine, packages), ...caches(topology), ...(full ? cores(topology) : [])]
  inside.sort((a, b) => b.pus.size - a.pus.size || a.rank - b.rank)
  for (const each of [...packages, ...inside]) innermost(machine, each).children.push(each)
  return machine
}

/** NUMA nodes belong to the package or machine that they are as large as; smaller ones make a group. */
function memoryGroups(topology: Topology, machine: Place, packages: readonly Place[]): Place[] {
  const groups: Place[] = []
  for (const node of numaNodes(topology)) {
    const pus = new Set(node.l3Groups.flatMap(group => group.pus).map(pu => pu.index))
    let owner = [...packages, machine].find(each => sameSet(each.pus, pus))
    if (owner === undefined) {
      owner = place(`Group #${groups.length}`, RANK.group, pus)
      groups.push(owner)
    }
    owner.memory.push(`NUMANode (#${node.index} ${sizeText(node.memoryBytes)})`)
  }
  return groups
}

function caches(topology: Topology): Place[] {
  const known =
    topology.caches ??
    l3Groups(topology)
      .filter(group => group.sizeBytes > 0)
      .map(({ index, sizeBytes, pus }) => ({ level: 3, index, sizeBytes, pus: pus.map(pu => pu.index) }))
  return known.map(({ level, index, sizeBytes, pus }) =>
    place(`L${level} (#${index} ${sizeText(sizeBytes, 0)})`, RANK.cache + HIGHEST_CACHE - level, pus),
  )
}

function cores(topology: Topology): Place[] {
  const byCore = new Map<number, number[]>()
  for (const { core, index } of pusOf(topology)) byCore.set(core, [...(byCore.get(core) ?? []), index])
  return [...byCore].flatMap(([core, pus]) => [
    place(`Core #${core}`, RANK.core, pus),
    ...pus.map(pu => place(`PU #${pu}`, RANK.pu, [pu])),
  ])
}

function innermost(at: Place, wanted: Place): Place {
  const inner = at.children.find(child => contains(child.pus, wanted.pus))
  return inner === undefined ? at : innermost(inner, wanted)
}

const contains = (outer: ReadonlySet<number>, inner: ReadonlySet<number>): boolean =>
  inner.size <= outer.size && [...inner].every(each => outer.has(each))

const sameSet = (a: ReadonlySet<number>, b: ReadonlySet<number>): boolean => a.size === b.size && contains(a, b)

const first = ({ pus }: Place): number => Math.min(...pus)
const isCache = ({ rank }: Place): boolean => rank >= RANK.cache && rank < RANK.core

function branches(at: Place, full: boolean): string[] {
  const ends = !full && (isCache(at) || at.children.length === 0)
  const inner = ends ? [] : [...at.children].sort((a, b) => first(a) - first(b))
  const lines: [string, string[]][] = [
    ...at.memory.map((text): [string, string[]] => [text, []]),
    ...inner.map((child): [string, string[]] => [child.label, branches(child, full)]),
    ...(ends ? [[listText(at.pus), []] as [string, string[]]] : []),
  ]
  return lines.flatMap(([label, below], index) => {
    const last = index === lines.length - 1
    return [`${last ? '└── ' : '├── '}${label}`, ...below.map(line => `${last ? '    ' : '│   '}${line}`)]
  })
}

/** `PU #0 + PU #1`; of more than eight the first and the last three. */
function listText(pus: ReadonlySet<number>): string {
  const labels = [...pus].sort((a, b) => a - b).map(pu => `PU #${pu}`)
  const shown =
    labels.length > LISTED_WHOLE ? [...labels.slice(0, LISTED_ENDS), '...', ...labels.slice(-LISTED_ENDS)] : labels
  return shown.join(' + ')
}
