import { expect } from 'chai'
import type { Knex } from 'knex'
import { openDatabase } from '../../../../../daemon/kit/database.js'
import { silentLog } from '../../../../../daemon/kit/log.js'
import { Alarms } from '../../../../../daemon/manager/alarms/alarms.js'
import { Foresight } from '../../../../../daemon/manager/post/foresight/foresight.js'
import { RehearsalRepository } from '../../../../../daemon/manager/post/foresight/rehearsal-repository.js'
import type { TrialTask } from '../../../../../daemon/manager/post/provers/local/trial-reads.js'
import { NoPlaceError } from '../../../../../daemon/manager/storage/sector-places.js'
import { managerMigrations } from '../../../../../migrations/manager/index.js'
import type { TipSet } from '../../../../../rpc-schema/chain/tipset.js'
import type { PostRehearsal } from '../../../../../rpc-schema/manager/post-rehearsal.js'
import type { WindowRecord } from '../../../../../rpc-schema/manager/post-timeline.js'
import { Bitfield } from '../../../../../rpc-schema/wire/bitfield.js'
import { commRToCid } from '../../../../../rpc-schema/wire/cid.js'
import { newDeadlineInfo } from '../../../../../rpc-schema/wire/deadline.js'
import { onEachDatabase } from '../../../../harness/on-each-database.js'
import { FakeClock } from '../../../worker/support/fake-clock.js'
import { stubNode } from '../../commitment/stub-chain.js'
import { postSettings } from '../post-simulation.js'

const MINER = 1000
const COMM_R = commRToCid(new Uint8Array(32).fill(7))
const PARTITION = 2_000
const MINUTE = 60_000
const HOUR = 60 * MINUTE

onEachDatabase('foresight', database => {
  let db: Knex
  let clock: FakeClock
  let alarms: Alarms
  let told: PostRehearsal[]
  /** What reading a sector of the one store takes, ms. */
  let readMs: number
  let broken: Set<number>
  let nowhere: Set<number>
  let reads: TrialTask[]
  let nodeError: Error | undefined
  let sectorsPerPartition: number
  let foresight: Foresight

  beforeEach(async () => {
    db = await openDatabase({ dsn: await database.fresh(), migrations: managerMigrations })
    clock = new FakeClock()
    alarms = new Alarms(clock)
    told = []
    readMs = 50
    broken = new Set()
    nowhere = new Set()
    reads = []
    nodeError = undefined
    sectorsPerPartition = 4
    foresight = open()
  })
  afterEach(() => db.destroy())

  /** Two partitions of 2,000 sectors, in two stores. */
  function open(): Foresight {
    const head = { Height: 4_990, Cids: [] } as unknown as TipSet
    return new Foresight({
      node: stubNode({
        StateMinerProvingDeadline: async () => present,
        StateMinerPartitions: async () => {
          if (nodeError !== undefined) throw nodeError
          return [0, 1].map(index => {
            const all = Bitfield.range(index * PARTITION, PARTITION)
            const none = Bitfield.EMPTY
            return {
              AllSectors: all,
              LiveSectors: all,
              ActiveSectors: all,
              FaultySectors: none,
              RecoveringSectors: none,
            }
          })
        },
        StateMinerSectors: async (_, filter) =>
          filter!
            .toArray()
            .map(SectorNumber => ({ SectorNumber, SealProof: 5, SealedCID: COMM_R, SectorKeyCID: null }) as never),
      }),
      heads: { fresh: async () => head, epochMs: () => 30_000 } as never,
      facts: { info: async () => ({ WindowPoStProofType: 10 }) as never },
      places: {
        find: async ({ Number: number }) => {
          if (nowhere.has(number)) throw new NoPlaceError('nowhere')
          const store = { name: `store-${number % 2}`, root: '/st' }
          return { sealedStore: store, cacheStore: store } as never
        },
      },
      reads: {
        read: async task => {
          reads.push(task)
          const numbers = task.replicas.map(({ number }) => number)
          return {
            readings: numbers
              .filter(number => !broken.has(number))
              .map(sector => ({ sector, store: `store-${sector % 2}`, tookMs: readMs })),
            failures: new Map(numbers.filter(number => broken.has(number)).map(number => [number, 'no such file'])),
          }
        },
      },
      repository: new RehearsalRepository(db),
      alarms,
      clock,
      limits: {
        SingleCheckTimeout: 10 * MINUTE,
        Rehearsal: { SectorsPerPartition: sectorsPerPartition, KeepFor: 7 * 24 * HOUR },
      },
      settings: () => postSettings(),
      rehearsed: record => void told.push(record),
      log: silentLog,
      random: Math.random,
    })
  }

  const present = newDeadlineInfo(4_900, 1, 4_970)
  const next = newDeadlineInfo(4_900, 2, 4_970)
  const at = (height: number): TipSet => ({ Height: height, Cids: [] }) as never
  const seen = async (height = 4_970, isBusy = false): Promise<void> => {
    foresight.onHead(MINER, present, at(height), isBusy)
    await foresight.idle()
  }
  const window = (change: Partial<WindowRecord> = {}): WindowRecord => ({
    Miner: MINER,
    Deadline: next.Index,
    Challenge: next.Challenge,
    Open: next.Open,
    Close: next.Close,
    Partitions: 2,
    Skipped: 0,
    Outcome: 'proven',
    Steps: [],
    Late: [],
    ...change,
  })
  const kinds = async (): Promise<string[]> => (await alarms.list()).map(({ kind, subject }) => `${kind}: ${subject}`)

  it('before each deadline some sectors of each partition are read, once', async () => {
    await seen()
    clock.advance(HOUR)
    await seen(4_972)
    expect(reads).to.have.length(1)
    expect(reads[0]!.replicas).to.have.length(8)
    const [record] = await foresight.list(MINER, 10)
    expect(record).to.include({ Open: next.Open, Deadline: 2, Verdict: 'good', ByHand: false, UnreadCount: 0 })
    // 2,000 sectors in two stores of 50 ms each, of which two are read at the same time.
    expect(record!.Partitions.map(({ ReadMs }) => ReadMs)).to.satisfy((all: number[]) =>
      all.every(ms => ms > 24_000 && ms < 32_000),
    )
    expect(record!.Stores.map(({ Store, MeanMs }) => `${Store} ${MeanMs}`)).to.deep.equal(['store-0 50', 'store-1 50'])
    expect(record!.LeftMs).to.equal(68 * 30_000)
    expect(told).to.have.length(1)
    expect(await kinds()).to.deep.equal([])
  })

  it('a window that would be missed is an alarm until it is over', async () => {
    readMs = 2_500
    await seen()
    expect((await foresight.list(MINER, 1))[0]!.Verdict).to.equal('late')
    expect(await kinds()).to.deep.equal(['forecast: miner 1000, deadline 2'])
    await foresight.learn(window())
    expect(await kinds()).to.deep.equal([])
  })

  it('what the last windows took besides reading counts', async () => {
    const Steps = [
      { Step: 'begun' as const, At: 0, Epoch: 1, Detail: '' },
      { Step: 'verified' as const, At: 42 * MINUTE, Epoch: 1, Detail: '' },
    ]
    await seen()
    await foresight.learn(window({ Steps }))
    expect((await foresight.list(MINER, 1))[0]!.TookMs).to.equal(42 * MINUTE)
    clock.advance(30 * MINUTE)
    foresight.onHead(MINER, next, at(5_030), false)
    await foresight.idle()
    const [record] = await foresight.list(MINER, 1)
    expect(record!.RestMs).to.be.within(20 * MINUTE, 21 * MINUTE)
    expect(record!.Verdict).to.equal('late')
  })

  it('sectors that cannot be read, or are nowhere, are an alarm by their deadline', async () => {
    sectorsPerPartition = 0
    foresight = open()
    await seen()
    expect(reads).to.deep.equal([])
    broken.add(7)
    nowhere.add(404)
    await foresight.byHand(MINER, null, 0)
    await foresight.idle()
    const [record] = await foresight.list(MINER, 1)
    expect(record).to.include({ ByHand: true, UnreadCount: 2 })
    expect(record!.Unread.map(({ Sector }) => Sector)).to.deep.equal([7, 404])
    expect(await kinds()).to.deep.equal(['unread: miner 1000, deadline 2'])
  })

  it('waits while proofs are made, but not too long', async () => {
    await seen(4_980, true)
    expect(reads).to.have.length(0)
    await seen(next.Challenge - 9, true)
    expect(reads).to.have.length(1)
  })

  it('a trial that fails is made again, three times', async () => {
    nodeError = new Error('the node does not answer')
    for (let head = 0; head < 5; head++) {
      await seen(4_970 + head)
      clock.advance(6 * MINUTE)
    }
    expect(told.map(({ Verdict }) => Verdict)).to.deep.equal(['failed', 'failed', 'failed'])
    expect((await foresight.list(MINER, 9)).map(({ Error: why }) => why)).to.deep.equal(['the node does not answer'])
    expect(await kinds()).to.deep.equal([])
  })

  it('of several managers one makes it', async () => {
    const other = open()
    foresight.onHead(MINER, present, at(4_970), false)
    other.onHead(MINER, present, at(4_970), false)
    await Promise.all([foresight.idle(), other.idle()])
    expect(reads).to.have.length(1)
  })

  it('any deadline can be rehearsed by hand', async () => {
    await foresight.byHand(MINER, 40, 10)
    await foresight.idle()
    const [record] = await foresight.list(MINER, 1)
    expect(record).to.include({ Deadline: 40, Open: newDeadlineInfo(4_900, 40, 1).Open, Verdict: 'good' })
    expect(reads[0]!.replicas).to.have.length(20)
    const error = await foresight.byHand(MINER, 48, 1).catch(String)
    expect(error).to.contain('deadline 48: expected one below 48')
  })

  it('what was shown longer ago than KeepFor is forgotten', async () => {
    await seen()
    clock.advance(8 * 24 * HOUR)
    await foresight.byHand(MINER, 40, 10)
    await foresight.idle()
    expect((await foresight.list(null, 10)).map(({ Deadline }) => Deadline)).to.deep.equal([40])
  })
})
