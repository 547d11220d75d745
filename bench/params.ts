import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { tableText } from '../daemon/kit/terminal/table.js'
import { PARAMETER_SETS, type ParameterSet } from '../plugins/prover/calls.js'
import { prover } from '../plugins/prover/prover.js'

/**
 * The generator of development parameters beside the library's own (bellperson), from the same seed: `node dist/bench/params.js [set,…]`. Each
 * run is a process of its own, so that the memory is its own too. Default: window, which is enough for the ratio; the library needs 13 minutes
 * and 5 GB for porep.
 */
interface Measured {
  readonly wallSeconds: number
  readonly cpuSeconds: number
  readonly peakMiB: number
  readonly bytes: number
  readonly digest: string
}

type Generator = 'fast' | 'stock'

const KIB2 = 2048
const [mode, ...rest] = process.argv.slice(2)

if (mode === 'measure') measure(rest[0] as ParameterSet, rest[1] as Generator, rest[2]!)
else compare(mode === undefined ? ['window'] : setsOf(mode))

function setsOf(text: string): ParameterSet[] {
  return text.split(',').map(name => {
    const found = PARAMETER_SETS.find(set => set === name)
    if (found === undefined) throw new Error(`expected some of ${PARAMETER_SETS.join(',')}, found ${name}`)
    return found
  })
}

function measure(set: ParameterSet, generator: Generator, directory: string): void {
  const startedAt = performance.now()
  const made = prover.parametersGenerate({ sectorSize: KIB2, set, generator, directory })
  const wallSeconds = (performance.now() - startedAt) / 1_000
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
  const [manifest] = prover.parametersManifest({ sectorSize: KIB2, sets: [set], directory })
  const measured: Measured = {
    wallSeconds,
    cpuSeconds: (userCPUTime + systemCPUTime) / 1e6,
    peakMiB: maxRSS / 1024,
    bytes: made.params.bytes,
    digest: manifest!.digest,
  }
  process.stdout.write(JSON.stringify(measured))
}

function inOwnProcess(set: ParameterSet, generator: Generator): Measured {
  const directory = mkdtempSync(join(tmpdir(), 'sealyard-bench-'))
  try {
    const output = execFileSync(process.execPath, [process.argv[1]!, 'measure', set, generator, directory], {
      encoding: 'utf8',
    })
    return JSON.parse(output) as Measured
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function compare(sets: readonly ParameterSet[]): void {
  process.stdout.write(`parameters of 2 KiB sectors, ${availableParallelism()} cores\n`)
  const header = ['set', 'generator', 'wall s', 'CPU s', 'peak MiB', 'file MiB', 'BLAKE2b']
  const rows: (string | number)[][] = []
  for (const set of sets) {
    const fast = inOwnProcess(set, 'fast')
    const stock = inOwnProcess(set, 'stock')
    for (const run of [fast, stock]) {
      rows.push([
        set,
        run === fast ? 'sealyard' : 'bellperson',
        run.wallSeconds.toFixed(1),
        run.cpuSeconds.toFixed(1),
        Math.round(run.peakMiB),
        Math.round(run.bytes / 2 ** 20),
        run.digest,
      ])
    }
    const ratio = (key: 'wallSeconds' | 'cpuSeconds' | 'peakMiB') => `${(stock[key] / fast[key]).toFixed(1)}x`
    const same = fast.digest === stock.digest ? 'same bytes' : 'DIFFERENT BYTES'
    rows.push([set, 'ratio', ratio('wallSeconds'), ratio('cpuSeconds'), ratio('peakMiB'), '', same])
    if (fast.digest !== stock.digest) process.exitCode = 1
  }
  process.stdout.write(`${tableText(header, rows)}\n`)
}
