import { expect } from 'chai'
import type { Knex } from 'knex'
import { openDatabase } from '../../../../daemon/kit/database.js'
import { windowTimes } from '../../../../daemon/manager/post/schedule.js'
import { lateSteps, outcomeOf, WindowRecords } from '../../../../daemon/manager/post/window-record.js'
import { managerMigrations } from '../../../../migrations/manager/index.js'
import type { WindowStep } from '../../../../rpc-schema/manager/post-timeline.js'
import { newDeadlineInfo } from '../../../../rpc-schema/wire/deadline.js'
import { onEachDatabase } from '../../../harness/on-each-database.js'
import { FakeClock } from '../../worker/support/fake-clock.js'

const MINER = 1000
const window = newDeadlineInfo(10_000, 3, 10_100)
const { Open, Close } = window
const times = windowTimes(window, { ChallengeConfidence: 0, SubmitConfidence: 0 })

/** Steps as `name: epochs from the opening`. */
const steps = (given: Partial<Record<WindowStep['Step'], number>>): WindowStep[] =>
  Object.entries(given).map(([Step, at]) => ({
    Step: Step as WindowStep['Step'],
    At: at,
    Epoch: Open + at,
    Detail: '',
  }))
const IN_TIME = { head: -19, begun: -10, challenge: -10, checked: -9, read: -5, proven: 2, sent: 4, landed: 6 }

describe('what was late in a window', () => {
  it('nothing, when every step was taken in time', () => {
    expect(lateSteps(steps(IN_TIME), times, window, 'proven')).to.deep.equal([])
  })

  const late = (given: Partial<Record<WindowStep['Step'], number>>, outcome: 'proven' | 'missed' = 'proven') =>
    lateSteps(steps(given), times, window, outcome).map(text => text.split(' ', 2).join(' '))

  it('tells the part that was late first', () => {
    expect(late({ ...IN_TIME, head: 3, begun: 3 })).to.deep.equal(['chain: head', 'chain: begun'])
    expect(late({ ...IN_TIME, read: 30 })).to.deep.equal(['storage: read'])
    expect(late({ ...IN_TIME, proven: 50, sent: 50 })).to.deep.equal(['proving: proven', 'messages: sent'])
    expect(late({ ...IN_TIME, landed: Close - Open })).to.deep.equal(['messages: landed'])
  })

  it('of a window that was missed, the first step that never came', () => {
    expect(late({ head: -19 }, 'missed')).to.deep.equal(['chain: begun'])
    const { proven: _, sent: __, landed: ___, ...read } = IN_TIME
    expect(lateSteps(steps(read), times, window, 'missed')).to.deep.equal(['proving: proven never came'])
    const { landed: ____, ...sent } = IN_TIME
    expect(lateSteps(steps(sent), times, window, 'missed')).to.deep.equal(['messages: landed never came'])
  })

  it('the outcome is how many of the partitions landed', () => {
    expect([outcomeOf(0, 0), outcomeOf(3, 3), outcomeOf(3, 1), outcomeOf(3, 0)]).to.deep.equal([
      'nothing',
      'proven',
      'partly',
      'missed',
    ])
  })
})

onEachDatabase('records of windows', database => {
  let db: Knex
  let records: WindowRecords
  const clock = new FakeClock()

  beforeEach(async () => {
    db = await openDatabase({ dsn: await database.fresh(), migrations: managerMigrations })
    records = new WindowRecords(db, clock)
  })
  afterEach(() => db.destroy())

  it('managers that note the same window do not write over each other', async () => {
    const [ours, theirs] = [await records.open(MINER, window), await records.open(MINER, window)]
    ours.step('head', 1)
    theirs.change({ Partitions: 4 })
    theirs.step('checked', 2)
    await Promise.all([ours.saved(), theirs.saved()])
    ours.step('sent', 3)
    await ours.saved()
    const [found] = await records.list(MINER, 10)
    expect(found!.Steps.map(({ Step }) => Step).sort()).to.deep.equal(['checked', 'head', 'sent'])
    expect(found!.Partitions).to.equal(4)
  })

  it('a window is judged once, and stays judged', async () => {
    const notes = await records.open(MINER, window)
    notes.step('head', 1)
    await notes.saved()
    expect(await records.judge({ ...notes.record, Outcome: 'missed', Late: ['x'] })).to.equal(true)
    expect(await records.judge({ ...notes.record, Outcome: 'proven' })).to.equal(false)
    notes.step('landed', 2)
    await notes.saved()
    const [found] = await records.list(MINER, 10)
    expect([found!.Outcome, found!.Late]).to.deep.equal(['missed', ['x']])
    expect(await records.unjudged(MINER, Close)).to.deep.equal([])
  })

  it('windows of more than 30 days ago are forgotten', async () => {
    await (await records.open(MINER, window)).change({ Partitions: 1 })
    const later = await records.open(MINER, { ...window, Open: Open + 90_000, Close: Close + 90_000 })
    later.change({ Partitions: 1 })
    await later.saved()
    await records.prune(MINER, Close + 86_401, 30_000)
    expect((await records.list(MINER, 10)).map(record => record.Open)).to.deep.equal([Open + 90_000])
  })
})
