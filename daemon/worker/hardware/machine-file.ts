import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { ByteSize } from '../../kit/config/byte-size.js'
import { ConfigError } from '../../kit/config/config-error.js'
import { loadConfig } from '../../kit/config/load.js'
import { parseToml, type TomlFile } from '../../kit/config/toml-file.js'
import { formatCpuList, parseCpuList } from './cpu-list.js'
import type { Disk } from './disks.js'
import type { Machine } from './machine.js'
import { type L3Group, type Pu, pusOf, type Topology } from './topology.js'

/** `0-3,8` */
const CpuList = z.codec(z.string(), z.array(z.int().nonnegative()), {
  decode: (text, context) => {
    try {
      return parseCpuList(text)
    } catch (error) {
      context.issues.push({ code: 'custom', input: text, message: (error as Error).message })
      return z.NEVER
    }
  },
  encode: formatCpuList,
})

const L3Entry = z.object({
  size: ByteSize.optional().meta({ description: 'Absent: no L3, only a group of processors.' }),
  cores: z.array(CpuList).min(1).meta({ description: 'The processors of each core: `["0,64", "1,65"]`.' }),
})

const DiskEntry = z.object({
  kind: z.enum(['SSD', 'HDD', 'other']).optional(),
  device: z.string().optional(),
  mount_point: z.string().min(1),
  filesystem: z.string().optional(),
  total: ByteSize,
  used: ByteSize.optional(),
  free: ByteSize.optional().meta({ description: 'Absent: total less used.' }),
})

const GpuEntry = z.object({
  name: z.string(),
  vendor: z.enum(['NVIDIA', 'AMD']).optional(),
  memory: ByteSize.optional(),
  numa_node: z.int().nonnegative().optional(),
})

/**
 * A machine described in a file, TOML or JSON; what `hwinfo --json` prints. Sizes are texts (`16MiB`) or bytes, processors are numbered
 * as the operating system does.
 */
export const MachineFile = z.object({
  memory: z.object({
    total: ByteSize,
    used: ByteSize.optional(),
    swap_total: ByteSize.optional(),
    swap_used: ByteSize.optional(),
    limit: ByteSize.optional().meta({ description: 'What a container may use.' }),
  }),
  model: z.string().optional(),
  packages: z
    .array(
      z.object({
        model: z.string().optional(),
        numa_nodes: z
          .array(z.object({ index: z.int().nonnegative(), memory: ByteSize, l3: z.array(L3Entry).min(1) }))
          .min(1),
      }),
    )
    .min(1),
  caches: z
    .array(z.object({ level: z.int().min(1).max(5), size: ByteSize, cpus: CpuList }))
    .optional()
    .meta({ description: 'For showing only.' }),
  disks: z.array(DiskEntry).optional(),
  gpus: z.array(GpuEntry).optional(),
})
export type MachineFile = z.output<typeof MachineFile>

/** Reads a described machine. Throws a ConfigError with every problem. */
export async function readMachineFile(path: string): Promise<Machine> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw new ConfigError(path, [{ line: undefined, path: '', message: `cannot read it: ${(error as Error).message}` }])
  }
  return loadMachine(text.trimStart().startsWith('{') ? parseJson(text, path) : parseToml(text, path))
}

export function loadMachine(file: TomlFile): Machine {
  const { config } = loadConfig(MachineFile, file)
  const topology = topologyOf(config)
  const twice = pusOf(topology)
    .map(pu => pu.index)
    .filter((pu, index, all) => all.indexOf(pu) !== index)
  if (twice.length > 0) {
    const message = `processor ${twice[0]} is in more than one core`
    throw new ConfigError(file.name, [{ line: file.lineOf(['packages']), path: 'packages', message }])
  }
  const { memory, disks, gpus } = config
  return {
    topology,
    memory: {
      totalBytes: memory.total,
      usedBytes: memory.used ?? 0,
      swapTotalBytes: memory.swap_total ?? 0,
      swapUsedBytes: memory.swap_used ?? 0,
      ...(memory.limit === undefined ? {} : { limitBytes: memory.limit }),
    },
    disks: (disks ?? []).map(diskOf),
    gpus: (gpus ?? []).map(({ name, vendor, memory: memoryBytes, numa_node: numaNode }) => ({
      name,
      vendor: vendor ?? 'NVIDIA',
      memoryBytes,
      numaNode,
    })),
  }
}

function parseJson(text: string, name: string): TomlFile {
  try {
    return { name, value: JSON.parse(text), lineOf: () => undefined }
  } catch (error) {
    throw new ConfigError(name, [{ line: undefined, path: '', message: `broken JSON: ${(error as Error).message}` }])
  }
}

function topologyOf(file: MachineFile): Topology {
  let cores = 0
  let groups = 0
  const levels = new Map<number, number>()
  const groupOf = (entry: z.output<typeof L3Entry>): L3Group => ({
    index: groups++,
    sizeBytes: entry.size ?? 0,
    pus: entry.cores
      .flatMap((pus): Pu[] => {
        const core = cores++
        return pus.map(index => ({ index, core }))
      })
      .sort((a, b) => a.index - b.index),
  })
  const packages = file.packages.map(({ model, numa_nodes }, index) => ({
    index,
    model: model ?? '',
    numaNodes: numa_nodes.map(node => ({
      index: node.index,
      memoryBytes: node.memory,
      l3Groups: node.l3.map(groupOf),
    })),
  }))
  const caches = file.caches?.map(({ level, size, cpus }) => {
    const index = levels.get(level) ?? 0
    levels.set(level, index + 1)
    return { level, index, sizeBytes: size, pus: cpus }
  })
  return {
    memoryBytes: file.memory.total,
    ...(file.model === undefined ? {} : { model: file.model }),
    packages,
    ...(caches === undefined ? {} : { caches }),
  }
}

function diskOf(entry: z.output<typeof DiskEntry>): Disk {
  const { total, used = entry.free === undefined ? 0 : total - entry.free, free = total - used } = entry
  return {
    kind: entry.kind ?? 'other',
    device: entry.device ?? '',
    mountPoint: entry.mount_point,
    filesystem: entry.filesystem ?? '',
    space: { totalBytes: total, usedBytes: used, freeBytes: free },
  }
}

/** The file that describes a machine; sizes in bytes. A disk that did not answer is left out: nothing can be planned on it. */
export function machineFile({ topology, memory, disks, gpus }: Machine): z.input<typeof MachineFile> {
  return {
    memory: {
      total: memory.totalBytes,
      used: memory.usedBytes,
      swap_total: memory.swapTotalBytes,
      swap_used: memory.swapUsedBytes,
      ...(memory.limitBytes === undefined ? {} : { limit: memory.limitBytes }),
    },
    ...(topology.model === undefined ? {} : { model: topology.model }),
    packages: topology.packages.map(({ model, numaNodes }) => ({
      model,
      numa_nodes: numaNodes.map(({ index, memoryBytes, l3Groups }) => ({
        index,
        memory: memoryBytes,
        l3: l3Groups.map(({ sizeBytes, pus }) => ({
          ...(sizeBytes > 0 ? { size: sizeBytes } : {}),
          cores: coresOf(pus),
        })),
      })),
    })),
    ...(topology.caches === undefined
      ? {}
      : {
          caches: topology.caches.map(({ level, sizeBytes, pus }) => ({
            level,
            size: sizeBytes,
            cpus: formatCpuList(pus),
          })),
        }),
    disks: disks.flatMap(({ kind, device, mountPoint, filesystem, space }) =>
      space === undefined
        ? []
        : [
            {
              kind,
              device,
              mount_point: mountPoint,
              filesystem,
              total: space.totalBytes,
              used: space.usedBytes,
              free: space.freeBytes,
            },
          ],
    ),
    gpus: gpus.map(({ name, vendor, memoryBytes, numaNode }) => ({
      name,
      vendor,
      ...(memoryBytes === undefined ? {} : { memory: memoryBytes }),
      ...(numaNode === undefined ? {} : { numa_node: numaNode }),
    })),
  }
}

function coresOf(pus: readonly Pu[]): string[] {
  const cores = new Map<number, number[]>()
  for (const { core, index } of pus) cores.set(core, [...(cores.get(core) ?? []), index])
  return [...cores.values()].map(formatCpuList)
}
