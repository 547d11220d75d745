import { MAINNET_DEADLINES } from '../rpc-schema/wire/deadline.js'
import { simulate } from '../test/daemon/manager/post/post-simulation.js'

/** A poster on chains with null rounds, reorgs, absences of the node, lost answers and restarts: `node dist/bench/post-simulation.js [DAYS]`. */
const days = Number(process.argv[2] ?? 7)
const period = MAINNET_DEADLINES.WPoStProvingPeriod

const CASES = {
  // 500,000 sectors of 32 GiB are 213 partitions: four or five a deadline.
  'one miner of 500,000 sectors': [{ id: 1000, offset: 17, partitions: 5, sectors: 2_349 }],
  '30 miners': Array.from({ length: 30 }, (_, index) => ({
    id: 1000 + index,
    offset: (index * 97) % period,
    partitions: 1,
    sectors: 100,
  })),
}

const rows = []
for (const [name, miners] of Object.entries(CASES)) {
  const begun = performance.now()
  const result = await simulate({ miners, constants: MAINNET_DEADLINES, epochs: days * period, seed: 1 })
  rows.push({
    case: name,
    windows: result.windows,
    missed: result.missed.length,
    wrong: result.wrong.length,
    reorgs: result.reorgs,
    outages: result.outages,
    restarts: result.restarts,
    proofs: result.proofs,
    messages: result.messages,
    'rows kept': Object.values(result.rows).reduce((sum, count) => sum + count, 0),
    'MiB of memory': Math.round(process.memoryUsage.rss() / 2 ** 20),
    seconds: Math.round((performance.now() - begun) / 1_000),
  })
  for (const text of [...result.missed, ...result.wrong]) console.log(`${name}: ${text}`)
}
console.table(rows)
