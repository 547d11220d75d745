import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { KERNEL_ROOTS, type KernelRoots, namesIn, readNumber, readValue } from './kernel-files.js'

export interface Gpu {
  readonly name: string
  readonly vendor: 'NVIDIA' | 'AMD'
  /** undefined: no tool and no file tells. */
  readonly memoryBytes?: number | undefined
  /** NUMA node that its bus hangs on; undefined: unknown or any. */
  readonly numaNode?: number | undefined
}

export interface GpuProbe extends KernelRoots {
  /** What `nvidia-smi` prints with these arguments; undefined when there is none or it does not answer. */
  readonly nvidiaSmi: (args: readonly string[]) => Promise<string | undefined>
}

const MIB = 1024 ** 2
const SMI_DEADLINE_MS = 5_000
const QUERY = ['--query-gpu=name,memory.total,pci.bus_id', '--format=csv,noheader,nounits']
const AMD_VENDOR = '0x1002'

/** A driver in trouble can keep the tool in the kernel for ever: it is asked with a deadline and left behind. */
const nvidiaSmi: GpuProbe['nvidiaSmi'] = args =>
  new Promise(resolve => {
    const child = execFile('nvidia-smi', args, (error, stdout) => {
      clearTimeout(timer)
      resolve(error ? undefined : stdout)
    })
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      child.stdout?.destroy()
      child.stderr?.destroy()
      child.unref()
      resolve(undefined)
    }, SMI_DEADLINE_MS)
  })

/** The cards that can prove: NVIDIA's in the order of their bus (as `CUDA_DEVICE_ORDER=PCI_BUS_ID` counts them), then AMD's. */
export async function readGpus(options: Partial<GpuProbe> = {}): Promise<Gpu[]> {
  const probe: GpuProbe = { ...KERNEL_ROOTS, nvidiaSmi, ...options }
  return [...(await nvidiaGpus(probe)), ...(await amdGpus(probe))]
}

async function nvidiaGpus(probe: GpuProbe): Promise<Gpu[]> {
  const text = await probe.nvidiaSmi(QUERY)
  if (text === undefined) {
    const known = await gpusOfDriver(probe)
    return Promise.all(known.map(({ name, bus }) => nvidiaGpu(probe, name, bus, undefined)))
  }
  const rows = text
    .split('\n')
    .map(line => line.split(',').map(cell => cell.trim()))
    .filter(cells => cells.length === 3)
    .sort((a, b) => busOf(a[2]!).localeCompare(busOf(b[2]!)))
  return Promise.all(
    rows.map(([name, mib, bus]) => nvidiaGpu(probe, name!, busOf(bus!), Number(mib) * MIB || undefined)),
  )
}

async function nvidiaGpu(probe: GpuProbe, name: string, bus: string, memoryBytes: number | undefined): Promise<Gpu> {
  return { name, vendor: 'NVIDIA', memoryBytes, numaNode: await numaNodeOf(probe, bus) }
}

/** `/proc/driver/nvidia/gpus/<bus>/information`: names, but no memory. */
async function gpusOfDriver({ procRoot }: GpuProbe): Promise<{ name: string; bus: string }[]> {
  const root = join(procRoot, 'driver/nvidia/gpus')
  const found: { name: string; bus: string }[] = []
  for (const bus of await namesIn(root)) {
    const text = (await readValue(join(root, bus, 'information'))) ?? ''
    found.push({ name: /^Model:\s*(.+)$/m.exec(text)?.[1]?.trim() ?? 'unknown', bus })
  }
  return found
}

/** `00000000:3B:00.0` of the tool is `0000:3b:00.0` of the kernel. */
const busOf = (text: string): string => text.toLowerCase().replace(/^0000(?=[0-9a-f]{4}:)/, '')

async function numaNodeOf({ sysRoot }: GpuProbe, bus: string): Promise<number | undefined> {
  const node = await readNumber(join(sysRoot, 'bus/pci/devices', bus, 'numa_node'))
  return node === undefined || node < 0 ? undefined : node
}

async function amdGpus({ sysRoot }: GpuProbe): Promise<Gpu[]> {
  const root = join(sysRoot, 'class/drm')
  const found: Gpu[] = []
  for (const card of (await namesIn(root)).filter(name => /^card\d+$/.test(name))) {
    const at = (name: string): string => join(root, card, 'device', name)
    if ((await readValue(at('vendor'))) !== AMD_VENDOR) continue
    const node = await readNumber(at('numa_node'))
    found.push({
      name: (await readValue(at('product_name'))) || `AMD GPU ${(await readValue(at('device'))) ?? ''}`.trim(),
      vendor: 'AMD',
      memoryBytes: await readNumber(at('mem_info_vram_total')),
      numaNode: node === undefined || node < 0 ? undefined : node,
    })
  }
  return found
}
