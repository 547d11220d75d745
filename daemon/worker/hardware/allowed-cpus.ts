import { join } from 'node:path'
import { parseCpuList } from './cpu-list.js'
import { readValue } from './kernel-files.js'
import type { Topology } from './topology.js'

/** Processors that this process may run on (a container may have fewer than the machine); undefined when the kernel does not tell. */
export async function allowedCpus(procRoot = '/proc'): Promise<ReadonlySet<number> | undefined> {
  const status = (await readValue(join(procRoot, 'self/status'))) ?? ''
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1]
  return list === undefined ? undefined : new Set(parseCpuList(list))
}

/** The topology without the processors that are not allowed; as it is when none would be left. */
export function restrictTopology(topology: Topology, allowed: ReadonlySet<number>): Topology {
  const packages = topology.packages
    .map(each => ({
      ...each,
      numaNodes: each.numaNodes
        .map(node => ({
          ...node,
          l3Groups: node.l3Groups
            .map(group => ({ ...group, pus: group.pus.filter(pu => allowed.has(pu.index)) }))
            .filter(group => group.pus.length > 0),
        }))
        .filter(node => node.l3Groups.length > 0),
    }))
    .filter(each => each.numaNodes.length > 0)
  if (packages.length === 0) return topology
  const { caches, ...rest } = topology
  const left = caches
    ?.map(cache => ({ ...cache, pus: cache.pus.filter(pu => allowed.has(pu)) }))
    .filter(cache => cache.pus.length > 0)
  return { ...rest, packages, ...(left === undefined ? {} : { caches: left }) }
}
