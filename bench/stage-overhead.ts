import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Piscina } from 'piscina'
import { systemClock } from '../daemon/kit/clock.js'
import { silentLog } from '../daemon/kit/log.js'
import { tableText } from '../daemon/kit/terminal/table.js'
import { createProcessors, DEFAULT_CHILD, DEFAULT_PROCESSORS } from '../daemon/worker/processors/processors.js'
import type { PoolTask } from '../plugins/prover/pool-worker.js'
import { createBuiltInStages } from '../plugins/stages/built-in-stages.js'
import { WarmProver } from '../plugins/stages/warm-prover.js'
import { proverId } from '../rpc-schema/processor/sector.js'
import type { StageTask } from '../rpc-schema/processor/stages.js'
import { sealProofByName } from '../rpc-schema/wire/proof-types.js'
import { startPipeEcho } from './pipe-echo.js'

/**
 * What a stage costs beside its own work:
 * - an empty task through a child process, and through a warm thread, with 1 and with 64 in flight, each beside what is the least for
 *   such a way: a child that gives lines back unread, a thread of a bare Piscina. The ratio to that is the figure to look at;
 * - with `--c2`: a real C2 of a 2 KiB sector through the worker's stage in a warm thread, beside the bare native call in a thread that does
 *   nothing else. It needs the development parameters, and takes two minutes for each of its rounds (`--rounds 3`). CPU seconds are those
 *   of the whole process; on a machine that does other things too they are the figure to compare.
 */
const FLIGHTS = [1, 64]
const SECONDS = Number(process.env.BENCH_SECONDS ?? 3)

interface Row {
  perSecond: number
  p50Ms: number
  p99Ms: number
}

async function load(inFlight: number, roundTrip: () => Promise<unknown>): Promise<Row> {
  for (let warmUp = 0; warmUp < 200; warmUp += 1) await roundTrip()
  const took: number[] = []
  const startedAt = performance.now()
  const end = startedAt + SECONDS * 1_000
  const lane = async (): Promise<void> => {
    while (performance.now() < end) {
      const before = performance.now()
      await roundTrip()
      took.push(performance.now() - before)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, lane))
  const seconds = (performance.now() - startedAt) / 1_000
  took.sort((a, b) => a - b)
  const quantile = (part: number): number => Number(took[Math.floor(took.length * part)]!.toFixed(3))
  return { perSecond: Math.round(took.length / seconds), p50Ms: quantile(0.5), p99Ms: quantile(0.99) }
}

async function benchRoundTrips(): Promise<void> {
  const task: StageTask<'tree_d'> = { registered_proof: 5, staged_file: '/staged', cache_dir: '/cache' }
  const child = {
    ...DEFAULT_CHILD,
    bin: process.execPath,
    args: [fileURLToPath(new URL('./empty-processor.js', import.meta.url))],
    envs: { SEALYARD_LOG: 'silent' },
  }
  const processors = createProcessors(
    { ...DEFAULT_PROCESSORS, children: { tree_d: [child] } },
    { log: silentLog, clock: systemClock },
  )
  const bare = new Piscina({
    filename: new URL('./empty-task.js', import.meta.url).href,
    minThreads: 1,
    maxThreads: 1,
  })
  const prover = new WarmProver(1)
  const echo = startPipeEcho()
  const frame = JSON.stringify({ id: 1, task })
  try {
    await processors.ready()
    const rows: (string | number)[][] = []
    for (const inFlight of FLIGHTS) {
      const ways: readonly (readonly [string, () => Promise<unknown>])[][] = [
        [
          ['bare pipes, lines echoed', () => echo.roundTrip(frame)],
          ['child process (processors.run)', () => processors.run('tree_d', task)],
        ],
        [
          ['bare Piscina, empty function', () => bare.run(task)],
          ['warm prover thread, cheapest native call', () => prover.call('parametersRunning', {})],
        ],
      ]
      for (const way of ways) {
        let least: Row | undefined
        for (const [what, roundTrip] of way) {
          const row = await load(inFlight, roundTrip)
          least ??= row
          const ratio = (least.perSecond / row.perSecond).toFixed(2)
          rows.push([what, inFlight, row.perSecond, row.p50Ms, row.p99Ms, ratio])
        }
      }
    }
    print(['empty task through', 'in flight', 'tasks/s', 'p50 ms', 'p99 ms', 'cost to bare'], rows)
  } finally {
    echo.close()
    await Promise.all([processors.close(), bare.destroy(), prover.close()])
  }
}

/** Everything up to C1 of an empty 2 KiB sector. */
async function c2Task(directory: string): Promise<StageTask<'c2'>> {
  const stages = createBuiltInStages({ env: {} })
  const at = (name: string): string => path.join(directory, name)
  try {
    await mkdir(at('cache'))
    await writeFile(at('sealed'), '')
    const registered_proof = sealProofByName('StackedDrg2KiBV1_1').number
    const sector = {
      registered_proof,
      prover_id: proverId(1_000),
      sector_id: 1,
      ticket: new Uint8Array(32).fill(1, 0, 31),
      cache_path: at('cache'),
    }
    const staged = { seal_proof_type: registered_proof, pieces: [], staged_filepath: at('unsealed') }
    const piece_infos = await stages.run('add_pieces', staged)
    const files = { in_path: at('unsealed'), out_path: at('sealed') }
    const pc1out = await stages.run('pc1', { ...sector, ...files, piece_infos })
    const { comm_r, comm_d } = await stages.run('pc2', { pc1out, cache_dir: at('cache'), sealed_file: at('sealed') })
    const commitments = { comm_r, comm_d, seed: new Uint8Array(32).fill(2, 0, 31) }
    const c1out = await stages.run('c1', { ...sector, ...commitments, sealed_file: at('sealed'), piece_infos })
    return { c1out, prover_id: sector.prover_id, sector_id: 1, miner_id: 1_000 }
  } finally {
    await stages.close()
  }
}

async function benchC2(rounds: number): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'sealyard-bench-c2-'))
  const processors = createProcessors(DEFAULT_PROCESSORS, { log: silentLog, clock: systemClock })
  const bare = new Piscina<PoolTask, string>({
    filename: new URL('../plugins/prover/pool-worker.js', import.meta.url).href,
    minThreads: 1,
    maxThreads: 1,
  })
  try {
    const task = await c2Task(directory)
    const request = JSON.stringify({
      phase1Output: task.c1out,
      proverId: Buffer.from(task.prover_id).toString('hex'),
      sectorId: task.sector_id,
    })
    const runs: Record<'bare' | 'stage', { wall: number; cpu: number }[]> = { bare: [], stage: [] }
    const time = async (what: keyof typeof runs, work: () => Promise<unknown>): Promise<void> => {
      const [before, cpuBefore] = [performance.now(), process.cpuUsage()]
      await work()
      const { user, system } = process.cpuUsage(cpuBefore)
      runs[what].push({ wall: (performance.now() - before) / 1_000, cpu: (user + system) / 1e6 })
    }
    for (let round = 0; round < rounds; round += 1) {
      const pair = [
        () =>
          time('bare', async () => {
            const envelope = await bare.run({ method: 'c2', request })
            if (!envelope.startsWith('{"ok":true')) throw new Error(envelope)
          }),
        () => time('stage', () => processors.run('c2', task)),
      ]
      // Whoever is second finds warm caches: take turns.
      for (const work of round % 2 === 0 ? pair : pair.reverse()) await work()
    }
    const best = (what: keyof typeof runs, figure: 'wall' | 'cpu'): number =>
      Math.min(...runs[what].map(run => run[figure]))
    const row = (title: string, what: keyof typeof runs) => [
      title,
      rounds,
      Number(best(what, 'wall').toFixed(2)),
      Number((best(what, 'wall') / best('bare', 'wall')).toFixed(3)),
      Number(best(what, 'cpu').toFixed(2)),
      Number((best(what, 'cpu') / best('bare', 'cpu')).toFixed(3)),
    ]
    print(
      ['C2 of 2 KiB', 'rounds', 'wall s', 'ratio to bare', 'CPU s', 'ratio to bare'],
      [row('bare native call', 'bare'), row('stage in a warm thread', 'stage')],
    )
  } finally {
    await Promise.all([processors.close(), bare.destroy()])
    await rm(directory, { recursive: true, force: true })
  }
}

function print(header: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
  process.stdout.write(`${tableText(header, rows)}\n`)
}

const argument = (name: string): string | undefined => {
  const at = process.argv.indexOf(name)
  return at < 0 ? undefined : process.argv[at + 1]
}

if (process.argv.includes('--c2')) await benchC2(Number(argument('--rounds') ?? 1))
else await benchRoundTrips()
