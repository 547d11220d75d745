import { expect } from 'chai'
import type { Knex } from 'knex'
import { openDatabase } from '../../../../daemon/kit/database.js'
import { silentLog } from '../../../../daemon/kit/log.js'
import { WindowRecords } from '../../../../daemon/manager/post/window-record.js'
import { WindowsAfterwards } from '../../../../daemon/manager/post/windows-afterwards.js'
import { managerMigrations } from '../../../../migrations/manager/index.js'
import type { Partition } from '../../../../rpc-schema/chain/partitions.js'
import type { TipSet } from '../../../../rpc-schema/chain/tipset.js'
import type { WindowRecord } from '../../../../rpc-schema/manager/post-timeline.js'
import { Bitfield } from '../../../../rpc-schema/wire/bitfield.js'
import { MAINNET_DEADLINES, newDeadlineInfo } from '../../../../rpc-schema/wire/deadline.js'
import { onEachDatabase } from '../../../harness/on-each-database.js'
import { FakeClock } from '../../worker/support/fake-clock.js'
import { stubNode } from '../commitment/stub-chain.js'
import { postSettings } from './post-simulation.js'

const MINER = 1000
const START = 28_800
const CONSTANTS = { ...MAINNET_DEADLINES, WPoStPeriodDeadlines: 4, WPoStProvingPeriod: 240 }
/** The third window of a period is open; three of the last period have closed since, and two of this one. */
const HEIGHT = START + 130

/** Others that could ask meanwhile do. */
const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn++) await new Promise(resolve => setImmediate(resolve))
}

const partition = (
  live: readonly number[],
  faulty: readonly number[] = [],
  recovering: readonly number[] = [],
): Partition => ({
  AllSectors: Bitfield.of(live),
  LiveSectors: Bitfield.of(live),
  ActiveSectors: Bitfield.of(live),
  FaultySectors: Bitfield.of(faulty),
  RecoveringSectors: Bitfield.of(recovering),
})

onEachDatabase('windows that no manager was there for', database => {
  let db: Knex
  let records: WindowRecords
  let told: WindowRecord[]
  const clock = new FakeClock()
  /** By deadline: the partitions as it opens, and when it has closed. */
  const chain = new Map<number, { before: Partition[]; after: Partition[] }>()
  let isForgetful: boolean
  /** The first block at or after an epoch. */
  let nextBlock: (height: number) => number
  let asked: number
  /** Miners whose partitions are being looked up. */
  const busy = new Set<string>()
  let mostBusy: number

  beforeEach(async () => {
    db = await openDatabase({ dsn: await database.fresh(), migrations: managerMigrations })
    records = new WindowRecords(db, clock)
    told = []
    chain.clear()
    isForgetful = false
    nextBlock = height => height
    asked = 0
    mostBusy = 0
  })
  afterEach(() => db.destroy())

  const openOf = (index: number): number => START + index * 60 - (index > 1 ? 240 : 0)
  const headAt = (height: number): TipSet => ({ Height: height, Cids: [], Blocks: [] })
  const node = stubNode({
    ChainGetTipSetByHeight: async height => {
      // As the key of a tipset its height is enough here.
      return { Height: height, Cids: [height] as never, Blocks: [] }
    },
    ChainGetTipSetAfterHeight: async height => {
      asked += 1
      if (isForgetful) throw new Error('state not available')
      const found = nextBlock(height)
      return { Height: found, Cids: [found] as never, Blocks: [] }
    },
    StateMinerPartitions: async (address, index, key) => {
      busy.add(String(address))
      mostBusy = Math.max(mostBusy, busy.size)
      await turns()
      busy.delete(String(address))
      const found = chain.get(index)
      const [height] = key as unknown as [number]
      return (height <= openOf(index) ? found?.before : found?.after) ?? []
    },
  })
  const manager = () =>
    new WindowsAfterwards({
      node,
      records,
      clock,
      log: silentLog,
      settings: () => postSettings(),
      told: async record => void told.push(record),
    })
  const look = async (windows: WindowsAfterwards, height = HEIGHT): Promise<void> => {
    windows.onHead(MINER, newDeadlineInfo(START, 2, height, CONSTANTS), headAt(height))
    await windows.idle()
  }
  const found = async () =>
    Object.fromEntries(
      (await records.list(MINER, 10)).map(({ Deadline, Outcome, Partitions, Skipped, Steps, Late }) => [
        Deadline,
        [Outcome, Partitions, Skipped, Steps.map(({ Step, Detail }) => `${Step} ${Detail}`.trim()).join(), Late.join()],
      ]),
    )

  it('are looked for miner by miner: the node has windows to be proven', async () => {
    const windows = manager()
    for (const miner of [1000, 1001, 1002])
      windows.onHead(miner, newDeadlineInfo(START, 2, HEIGHT, CONSTANTS), headAt(HEIGHT))
    await windows.idle()
    expect((await records.list(null, 100)).map(({ Miner }) => Miner)).to.include.members([1000, 1001, 1002])
    expect(mostBusy).to.equal(1)
  })

  it('have a record of what the chain tells of them: what was proven, what became faulty', async () => {
    // Nobody has proven it: all that was to be proven is faulty.
    chain.set(3, { before: [partition([1, 2], [2])], after: [partition([1, 2], [1, 2])] })
    // One of two partitions was proven, with a sector left out; one that was to recover did.
    chain.set(0, {
      before: [partition([1, 2, 3], [3], [3]), partition([4, 5])],
      after: [partition([1, 2, 3], [2]), partition([4, 5], [4, 5])],
    })
    // A sector has ended meanwhile, and a partition had nothing to prove.
    chain.set(1, {
      before: [partition([1, 2]), partition([9], [9])],
      after: [partition([1]), partition([9], [9])],
    })
    await look(manager())
    expect(await found()).to.deep.equal({
      1: ['proven', 1, 0, 'afterwards', ''],
      0: ['partly', 2, 3, 'afterwards partitions 1 were not proven; 3 sectors are faulty since', ''],
      3: [
        'missed',
        1,
        1,
        'afterwards partitions 0 were not proven; 1 sectors are faulty since',
        'chain: head never came',
      ],
      2: ['nothing', 0, 0, 'afterwards', ''],
    })
    expect(told.map(({ Deadline }) => Deadline)).to.have.members([0, 1, 2, 3])
  })

  it('one that a manager has seen is left as it is, and is told once by all managers together', async () => {
    chain.set(1, { before: [partition([1])], after: [partition([1], [1])] })
    const notes = await records.open(MINER, newDeadlineInfo(START, 1, HEIGHT, CONSTANTS))
    notes.step('head', openOf(1) - 20)
    await notes.saved()
    const managers = [manager(), manager()]
    await Promise.all(managers.map(windows => look(windows)))
    expect((await found())[1]).to.deep.equal(['running', 0, 0, 'head', ''])
    expect(told.map(({ Deadline }) => Deadline)).to.have.members([0, 2, 3])
    const before = asked
    for (const windows of [...managers, manager()]) await look(windows)
    expect(told).to.have.length(3)
    expect(asked, 'nothing is asked of the chain that is known').to.equal(before)
  })

  it('are looked for once: afterwards only those that have closed since', async () => {
    const windows = manager()
    await look(windows)
    const before = asked
    await look(windows)
    await look(windows, HEIGHT + 10)
    expect(asked).to.equal(before)
    await look(windows, HEIGHT + 60)
    expect(asked, 'one window: the block after it, and one some epochs later').to.equal(before + 2)
    expect(told).to.have.length(5)
  })

  it('a window is looked at when its faults are in the state of the chain, not before', async () => {
    const windows = manager()
    await look(windows, START + 124)
    expect(told.map(({ Deadline }) => Deadline)).to.have.members([0, 2, 3])
    await look(windows, START + 125)
    expect(told.map(({ Deadline }) => Deadline)).to.have.members([0, 1, 2, 3])
  })

  it('a window that ends in null rounds is looked at when there are two blocks after it', async () => {
    chain.set(1, { before: [partition([1])], after: [partition([1], [1])] })
    const windows = manager()
    const close = START + 120
    nextBlock = height => (height > close - 10 && height < close + 8 ? close + 8 : height)
    await look(windows, close + 8)
    expect(told.map(({ Deadline }) => Deadline)).to.have.members([0, 2, 3])
    await look(windows, close + 9)
    expect((await found())[1]!.slice(0, 3)).to.deep.equal(['missed', 1, 1])
  })

  it('a node that cannot tell is asked three times, with pauses, and then no more', async () => {
    isForgetful = true
    const windows = manager()
    for (let epoch = 0; epoch < 45; epoch++) await look(windows, HEIGHT + epoch)
    expect(asked, 'four windows, three times').to.equal(12)
    expect(told).to.deep.equal([])
  })

  it('a node that can tell at the second time is believed', async () => {
    isForgetful = true
    const windows = manager()
    await look(windows)
    isForgetful = false
    await look(windows, HEIGHT + 14)
    expect(told).to.deep.equal([])
    await look(windows, HEIGHT + 15)
    expect(told).to.have.length(4)
  })
})
