/** Numbers of a list as the kernel writes it and a cpuset takes it: `0-3,8,10-11`, with strides (`0-15:2/4`). Sorted, each once. */
export function parseCpuList(text: string): number[] {
  const found = new Set<number>()
  for (const part of text.trim().split(',')) {
    if (part.trim() === '') continue
    const match = /^(\d+)(?:-(\d+)(?::(\d+)\/(\d+))?)?$/.exec(part.trim())
    const first = Number(match?.[1])
    const last = Number(match?.[2] ?? first)
    const [used, group] = [Number(match?.[3] ?? 1), Number(match?.[4] ?? 1)]
    if (!match || last < first || last > MAX_CPU || used < 1 || group < used) {
      throw new Error(`expected a list of processors like "0-3,8", found ${JSON.stringify(part)}`)
    }
    for (let at = first; at <= last; at++) if ((at - first) % group < used) found.add(at)
  }
  return [...found].sort((a, b) => a - b)
}

/** No kernel numbers more processors; a typing error must not fill the memory. */
const MAX_CPU = 65_535

/** `0-3,8` */
export function formatCpuList(cpus: readonly number[]): string {
  const sorted = [...new Set(cpus)].sort((a, b) => a - b)
  const ranges: [number, number][] = []
  for (const cpu of sorted) {
    const last = ranges.at(-1)
    if (last !== undefined && last[1] === cpu - 1) last[1] = cpu
    else ranges.push([cpu, cpu])
  }
  return ranges.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)).join(',')
}
