import { expect } from 'chai'
import { WorkerBench } from './support/bench.js'
import { type Exchange, ReplayedManager } from './support/replayed-manager.js'

/** What two workers cannot say alike: computed by the processors, named by the operator, or (the event) always "None" with damocles. */
const OWN = new Set(['CommR', 'Proof', 'Instance', 'Location', 'Event', 'Name', 'Dest', 'Version', 'Summary'])

/** A value with everything that is a worker's own replaced by its shape. */
function alike(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) return OWN.has(key) ? [typeof value[0], value.length] : value.map(item => alike(item))
  if (typeof value !== 'object' || value === null) return OWN.has(key) ? typeof value : value
  const entries = Object.entries(value).map(([name, member]) => [name, alike(member, name)] as const)
  const shown = OWN.has(key) ? entries.map(([name]) => [name, 'a member'] as const) : entries
  return Object.fromEntries(shown)
}

const isPing = ({ method }: { method: string }): boolean => method === 'Venus.WorkerPing'
const requests = (exchanges: readonly Pick<Exchange, 'method' | 'params'>[]) =>
  exchanges.filter(exchange => !isPing(exchange)).map(({ method, params }) => ({ method, params: alike(params) }))

describe('a damocles manager, as recorded with its own worker', () => {
  let bench: WorkerBench
  let manager: ReplayedManager

  beforeEach(async () => {
    bench = await WorkerBench.make()
  })
  afterEach(async () => {
    await bench.close()
    manager.stop()
  })

  for (const [what, vector] of [
    ['an empty sector', 'worker/conversation-cc.jsonl'],
    ['a sector with a deal', 'worker/conversation-deal.jsonl'],
  ] as const) {
    it(`is asked for ${what} by the same requests in the same order`, async () => {
      manager = new ReplayedManager(vector)
      bench.otherManager = await manager.start()
      await bench.start()
      await bench.until(() => manager.seen.some(({ method }) => method === 'Venus.ReportFinalized'))
      await bench.until(() => bench.threads[0]!.job_id === null)
      expect(bench.threads[0]!.last_error).to.equal(null)
      expect(manager.unknown).to.deep.equal([])
      expect(requests(manager.seen)).to.deep.equal(requests(manager.recorded))
      for (const { headers, path, httpMethod } of manager.seen) {
        expect({ type: headers['content-type'], path, httpMethod }).to.deep.equal({
          type: 'application/json',
          path: '/rpc/v0',
          httpMethod: 'POST',
        })
      }
    })
  }

  it('is pinged as by its own worker', async () => {
    manager = new ReplayedManager('worker/conversation-deal.jsonl')
    bench.otherManager = await manager.start()
    await bench.start()
    await bench.until(() => manager.seen.some(isPing))
    const recorded = manager.recorded.find(isPing)!
    expect(alike(manager.seen.find(isPing)!.params)).to.deep.equal(alike(recorded.params))
  })
})
