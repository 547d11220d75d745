import { MAINNET_DEADLINES } from '../rpc-schema/wire/deadline.js'
import { type SimulationOptions, simulate } from '../test/daemon/manager/post/post-simulation.js'
import type { SimulatedMiner } from '../test/daemon/manager/post/simulated-chain.js'

/**
 * A poster on chains with null rounds, reorgs, absences of the node, slow and hanging stores, provers that fail, lost answers and restarts:
 * `node --expose-gc dist/bench/post-simulation.js [DAYS [SEED...]]`. Without seeds: one that is drawn.
 */
const [daysArgument = '7', ...seedArguments] = process.argv.slice(2)
const days = Number(daysArgument)
const seeds = seedArguments.length > 0 ? seedArguments.map(Number) : [Math.floor(Math.random() * 2 ** 31)]
const period = MAINNET_DEADLINES.WPoStProvingPeriod
const collect = (globalThis as { gc?: () => void }).gc

const CASES: Readonly<Record<string, readonly SimulatedMiner[]>> = {
  // 500,000 sectors of 32 GiB are 213 partitions: four or five a deadline.
  'one miner of 500,000 sectors': [{ id: 1000, offset: 17, partitions: 5, sectors: 2_349 }],
  '30 miners': Array.from({ length: 30 }, (_, index) => ({
    id: 1000 + index,
    offset: (index * 97) % period,
    partitions: 1,
    sectors: 100,
  })),
}

const heapMiB = (): number => {
  collect?.()
  return Math.round(process.memoryUsage().heapUsed / 2 ** 20)
}
const sum = (rows: Record<string, number>): number => Object.values(rows).reduce((all, count) => all + count, 0)

const rows: Record<string, string | number>[] = []
const growth: Record<string, string | number>[] = []
for (const seed of seeds) {
  for (const [name, miners] of Object.entries(CASES)) {
    const begun = performance.now()
    const onDay: SimulationOptions['onDay'] = (day, { windows, missed, rows: kept }) => {
      const line = { case: name, seed, day, windows, missed: missed.length, 'heap MiB': heapMiB(), ...kept }
      growth.push(line)
      console.error(JSON.stringify({ ...line, seconds: Math.round((performance.now() - begun) / 1_000) }))
    }
    const result = await simulate({ miners, constants: MAINNET_DEADLINES, epochs: days * period, seed, onDay })
    rows.push({
      case: name,
      seed,
      windows: result.windows,
      missed: result.missed.length,
      'not to be made': result.beyond.length,
      wrong: result.wrong.length,
      'proofs begun': result.proofs,
      failed: result.failures,
      'made twice': result.wasted,
      messages: result.messages,
      reorgs: result.reorgs,
      absences: result.outages,
      'slow phases': result.slowPhases,
      restarts: result.restarts,
      'rows kept': sum(result.rows),
      seconds: Math.round((performance.now() - begun) / 1_000),
    })
    for (const text of [...result.missed, ...result.beyond, ...result.wrong])
      console.log(`${name}, seed ${seed}: ${text}`)
  }
}
console.table(rows)
console.table(growth)
