import { mkdirSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { ALERT_RULES } from '../../../../../daemon/manager/http/alert-rules.js'
import { ManagerMetrics } from '../../../../../daemon/manager/http/metrics.js'
import { METRICS, PREFIX } from '../../../../../daemon/manager/http/metrics-table.js'
import { MAINNET_DEADLINES } from '../../../../../rpc-schema/wire/deadline.js'
import { simulate } from '../../post/post-simulation.js'
import { History, valuesIn } from './history.js'
import { SCENARIOS, type Scenario } from './scenarios.js'

const SCRAPE_S = 60
const FIRST_EPOCH = 120
const MINERS = [
  { id: 1000, offset: 7, partitions: 5, sectors: 30 },
  { id: 1001, offset: 50, partitions: 1, sectors: 10 },
]
const CONSTANTS = { ...MAINNET_DEADLINES, WPoStPeriodDeadlines: 8, WPoStProvingPeriod: 480 }
const METRICS_OF_RULES = new Set(ALERT_RULES.map(({ when }) => `${PREFIX}${METRICS[when.metric].name}`))

/** What `/metrics` tells while a poster goes through a scenario. */
export async function recorded({ epochs, situation }: Scenario): Promise<History> {
  const history = new History()
  let head = 0
  let nowMs = 0
  const metrics = new ManagerMetrics('v0', {
    sectors: async () => ({ online: 0, offline: 0 }),
    workers: async () => [],
    messages: async () => ({}),
    windowJobs: async () => [],
    alarms: async () => [],
    stores: async () => [],
    storeNames: () => [],
    headHeight: () => head,
    databaseUp: async () => true,
    now: () => nowMs,
  })
  let begun: number | undefined
  let epoch = 0
  await simulate({
    miners: MINERS,
    constants: CONSTANTS,
    epochs,
    ...situation,
    observer: { ...metrics.windows, rehearsed: record => metrics.rehearsed(record) },
    onEpoch: async (ms, height) => {
      head = height
      nowMs = ms
      // The first window may have been open when it began.
      epoch += 1
      if (epoch < FIRST_EPOCH) return
      begun ??= ms
      // After a round without a block there are the scrapes that came meanwhile.
      const next = history.scrapes.length === 0 ? 0 : history.scrapes.at(-1)! + SCRAPE_S
      const text = await scraped(metrics)
      for (let atS = next; atS <= (ms - begun) / 1_000; atS += SCRAPE_S)
        history.add(atS, valuesIn(text, METRICS_OF_RULES))
    },
  })
  metrics.close()
  return history
}

async function scraped(metrics: ManagerMetrics): Promise<string> {
  let text = ''
  const response = {
    writeHead: () => response,
    end: (body: string) => {
      text = body
    },
  }
  await metrics.handler({} as never, response as unknown as ServerResponse)
  return text
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const dir = new URL('../../../../../../test/vectors/alerts/', import.meta.url)
  mkdirSync(dir, { recursive: true })
  for (const [name, scenario] of Object.entries(SCENARIOS)) {
    writeFileSync(new URL(`${name}.txt`, dir), (await recorded(scenario)).text(SCRAPE_S))
    console.log(name)
  }
}
