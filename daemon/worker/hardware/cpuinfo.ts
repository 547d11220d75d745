import { join } from 'node:path'
import { readValue } from './kernel-files.js'

export interface CpuinfoEntry {
  readonly model: string
  readonly packageId: number
  /** The lowest processor of its core. */
  readonly coreOf: number
}

/** `/proc/cpuinfo`: names, and a coarse topology where sysfs shows none. `machine` is the board's name (on ARM), else empty. */
export async function readCpuinfo(
  procRoot: string,
): Promise<{ cpus: ReadonlyMap<number, CpuinfoEntry>; machine: string }> {
  const cpus = new Map<number, CpuinfoEntry>()
  const cores = new Map<string, number>()
  let machine = ''
  for (const block of ((await readValue(join(procRoot, 'cpuinfo'))) ?? '').split(/\n\s*\n/)) {
    const values = new Map(block.split('\n').map(keyValue))
    machine = values.get('Model') ?? values.get('Hardware') ?? machine
    const index = Number(values.get('processor') ?? Number.NaN)
    if (!Number.isInteger(index)) continue
    const packageId = Number(values.get('physical id') ?? 0)
    const core = `${packageId}:${values.get('core id') ?? `p${index}`}`
    if (!cores.has(core)) cores.set(core, index)
    cpus.set(index, { model: values.get('model name') ?? '', packageId, coreOf: cores.get(core)! })
  }
  return { cpus, machine }
}

function keyValue(line: string): [string, string] {
  const colon = line.indexOf(':')
  return colon < 0 ? [line.trim(), ''] : [line.slice(0, colon).trim(), line.slice(colon + 1).trim()]
}
