import { type Disk, type DiskProbe, readDisks } from './disks.js'
import { type Gpu, type GpuProbe, readGpus } from './gpus.js'
import { type MemoryUse, readMemory } from './memory.js'
import { readTopology } from './read-topology.js'
import type { Topology } from './topology.js'

/** What work can be planned on. */
export interface Machine {
  readonly topology: Topology
  readonly memory: MemoryUse
  readonly disks: readonly Disk[]
  readonly gpus: readonly Gpu[]
}

export type MachineProbe = Partial<DiskProbe & GpuProbe>

/** Reads the machine this runs on. Throws when the kernel shows neither processors nor memory. */
export async function readMachine(probe: MachineProbe = {}): Promise<Machine> {
  const [topology, memory, disks, gpus] = await Promise.all([
    readTopology(probe),
    readMemory(probe),
    readDisks(probe),
    readGpus(probe),
  ])
  return { topology, memory, disks, gpus }
}
