import { execFileSync } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { tableText } from '../daemon/kit/terminal/table.js'
import { WorkerBench } from '../test/daemon/worker/support/bench.js'

/**
 * Memory of a worker with 50 idle threads, each with a sealing store of its own, beside one with 1: `node dist/bench/idle-threads.js`. Each
 * worker runs in a process of its own, beside a scripted manager that has no work and without processors; its figures are those when
 * every thread has asked for work and waits, garbage collected.
 */
const COUNTS = [1, 50]
/** Long enough for every thread to have asked for work. */
const SETTLE_MS = 3_000
const MIB = 2 ** 20

interface Memory {
  readonly rss: number
  readonly heapUsed: number
  readonly external: number
}

const [mode] = process.argv.slice(2)

if (mode === undefined) compare()
else process.stdout.write(JSON.stringify(await measure(Number(mode))))

async function measure(threads: number): Promise<Memory> {
  const bench = await WorkerBench.make()
  bench.threadCount = threads
  try {
    await bench.start()
    await delay(SETTLE_MS)
    globalThis.gc?.()
    const { rss, heapUsed, external } = process.memoryUsage()
    return { rss, heapUsed, external }
  } finally {
    await bench.close()
  }
}

function compare(): void {
  const measured = COUNTS.map(count => {
    const script = process.argv[1]!
    const output = execFileSync(process.execPath, ['--expose-gc', script, String(count)], { encoding: 'utf8' })
    return { count, memory: JSON.parse(output) as Memory }
  })
  const row = ({ count, memory }: { count: number; memory: Memory }) => [
    `${count} idle`,
    ...[memory.rss, memory.heapUsed, memory.external].map(bytes => (bytes / MIB).toFixed(1)),
  ]
  const [few, many] = [measured[0]!, measured.at(-1)!]
  const each = (key: keyof Memory): string =>
    ((many.memory[key] - few.memory[key]) / MIB / (many.count - few.count)).toFixed(2)
  const rows = [...measured.map(row), ['each thread more', each('rss'), each('heapUsed'), each('external')]]
  process.stdout.write(`${tableText(['worker threads', 'RSS MiB', 'heap MiB', 'external MiB'], rows)}\n`)
}
