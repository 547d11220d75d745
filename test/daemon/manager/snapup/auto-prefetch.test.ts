import { expect } from 'chai'
import { silentLog } from '../../../../daemon/kit/log.js'
import type { HeadTracker } from '../../../../daemon/manager/chain/head-tracker.js'
import type { MinerSetup } from '../../../../daemon/manager/config/load-settings.js'
import { AutoPrefetch } from '../../../../daemon/manager/snapup/auto-prefetch.js'
import { newDeadlineInfo } from '../../../../rpc-schema/wire/deadline.js'
import { eventually } from '../../../harness/eventually.js'
import { headAt, stubNode } from '../commitment/stub-chain.js'
import { HandClock } from '../proven-records.js'

const LIMIT_MS = 5_000
const WINDOW = 60

describe('manager: candidates for upgrades, fetched by themselves', () => {
  let height: number
  let onHead: () => void
  let fetched: string[]
  let failures: number
  let prefetch: AutoPrefetch

  const miner = (Actor: number, Enabled: boolean, AutoPrefetch: boolean): [number, MinerSetup] => [
    Actor,
    { Actor, SnapUp: { Enabled, AutoPrefetch } } as MinerSetup,
  ]

  beforeEach(() => {
    height = 10 * WINDOW
    fetched = []
    failures = 0
    prefetch = new AutoPrefetch({
      miners: new Map([miner(1000, true, true), miner(1001, false, true), miner(1002, true, false)]),
      node: stubNode({
        StateMinerProvingDeadline: async () => {
          const period = height - (height % (48 * WINDOW))
          return newDeadlineInfo(period, Math.floor((height - period) / WINDOW), height)
        },
      }),
      heads: {
        fresh: async () => headAt(height),
        subscribe: (listener: (move: object) => void) => {
          onHead = () => listener({})
          return () => {}
        },
      } as unknown as HeadTracker,
      candidates: {
        fetch: async (of, deadline) => {
          if (failures > 0) {
            failures -= 1
            throw new Error('the node is away')
          }
          fetched.push(`${of}/${deadline}`)
          return { Total: 3, Diff: 2 }
        },
      },
      clock: new HandClock(),
      log: silentLog,
    })
  })
  afterEach(() => prefetch.stop())

  const reaches = (count: number) =>
    eventually(`${count} deadlines`, LIMIT_MS, () => {
      onHead()
      return fetched.length >= count || undefined
    })
  const headsPass = async (): Promise<void> => {
    for (let heads = 0; heads < 3; heads++) {
      onHead()
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  }

  it('each deadline once, when it has closed; only where upgrades are on and it is wanted', async () => {
    prefetch.start()
    await reaches(1)
    expect(fetched).to.deep.equal(['1000/9'])
    height = 11 * WINDOW - 1
    await headsPass()
    expect(fetched, 'in the same window').to.deep.equal(['1000/9'])
    height = 11 * WINDOW
    await reaches(2)
    height = 48 * WINDOW
    await reaches(3)
    await headsPass()
    expect(fetched).to.deep.equal(['1000/9', '1000/10', '1000/47'])
  })

  it('one that could not be looked through is looked through with the next head', async () => {
    failures = 1
    prefetch.start()
    await eventually('the failure', LIMIT_MS, () => failures === 0 || undefined)
    await reaches(1)
    expect(fetched).to.deep.equal(['1000/9'])
  })
})
