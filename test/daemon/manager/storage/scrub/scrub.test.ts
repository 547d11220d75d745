import { expect } from 'chai'
import { silentLog } from '../../../../../daemon/kit/log.js'
import { Scrub } from '../../../../../daemon/manager/storage/scrub/scrub.js'
import type { Look } from '../../../../../daemon/manager/storage/scrub/sector-look.js'
import type { SectorID } from '../../../../../rpc-schema/wire/sector-id.js'
import { eventually } from '../../../../harness/eventually.js'
import { onEachDatabase } from '../../../../harness/on-each-database.js'
import { Records } from '../../proven-records.js'

const DAY = 86_400_000
const HOUR = 3_600_000
const LIMIT_MS = 5_000
const id = (number: number) => ({ Miner: 1000, Number: number })

onEachDatabase('manager: the scrub', database => {
  let records: Records
  let scrubs: Scrub[]
  let looked: number[]
  let answers: Map<number, Look | Error>

  const look = async ({ Number: number }: SectorID): Promise<Look> => {
    looked.push(number)
    const answer = answers.get(number) ?? { is: 'well' }
    if (answer instanceof Error) throw answer
    return answer
  }
  const begin = (periodMs: number, miners = [1000]): Scrub => {
    const { db, book, clock } = records
    const known = new Map(miners.map(miner => [miner, {}]))
    const scrub = new Scrub({ db, book, miners: known, look, periodMs, clock, log: silentLog })
    scrubs.push(scrub)
    scrub.start()
    return scrub
  }
  /** Time goes on until so many looks were made. */
  const looks = (count: number, stepMs: number): Promise<number[]> =>
    eventually(`${count} looks`, LIMIT_MS, () => {
      if (looked.length >= count) return looked
      records.clock.advance(stepMs)
      return undefined
    })

  beforeEach(async () => {
    records = await Records.open(await database.fresh())
    scrubs = []
    looked = []
    answers = new Map()
    for (const number of [1, 2, 3]) await records.finished(number)
  })
  afterEach(async () => {
    await Promise.all(scrubs.map(scrub => scrub.stop()))
    await records.db.destroy()
  })

  it('looks at one sector after the other, all of them once in a period, and begins again', async () => {
    const scrub = begin(3 * DAY)
    const begun = records.clock.monotonic()
    expect((await looks(1, 0)).length, 'the first at once').to.equal(1)
    expect(await looks(5, 6 * HOUR)).to.deep.equal([1, 2, 3, 1, 2])
    const days = (records.clock.monotonic() - begun) / DAY
    expect(days).to.be.within(4, 5.5)
    const { total, looked: inRound, last } = await scrub.state()
    expect({ total, inRound, last }).to.deep.equal({ total: 3, inRound: 2, last: id(2) })
  })

  it('however short the period is, it rests a second after each', async () => {
    begin(1)
    await looks(1, 0)
    records.clock.advance(999)
    await new Promise(resolve => setTimeout(resolve, 20))
    expect(looked).to.deep.equal([1])
    await looks(2, 1)
  })

  it('does not run without a period, and looks when it is asked', async () => {
    const scrub = begin(0)
    records.clock.advance(100 * DAY)
    await new Promise(resolve => setTimeout(resolve, 20))
    expect(looked).to.deep.equal([])
    expect(await scrub.lookAt(id(2))).to.deep.equal({ is: 'well' })
  })

  it('goes on where it was after a restart, and not before its time', async () => {
    const first = begin(3 * DAY)
    await looks(1, 0)
    await first.stop()
    begin(3 * DAY)
    records.clock.advance(DAY - 1_000)
    await new Promise(resolve => setTimeout(resolve, 20))
    expect(looked).to.deep.equal([1])
    expect(await looks(2, 1_000)).to.deep.equal([1, 2])
  })

  it('two managers on one database share the work', async () => {
    begin(3 * DAY)
    begin(3 * DAY)
    await looks(6, 6 * HOUR)
    expect(looked.slice(0, 6)).to.deep.equal([1, 2, 3, 1, 2, 3])
  })

  it('fault 42: a sector with damage is kept in mind, looked at each hour, and forgotten when it is well', async () => {
    answers.set(1, { is: 'damaged', why: 'rot' })
    const scrub = begin(300 * DAY)
    const [finding] = await eventually('the finding', LIMIT_MS, async () => {
      const found = await scrub.findings()
      return found.length > 0 ? found : undefined
    })
    expect(finding).to.deep.include({ sid: id(1), why: 'rot' })
    expect(await records.events(1)).to.include('found damaged')
    await looks(3, HOUR)
    expect(looked).to.deep.equal([1, 1, 1])
    expect((await scrub.findings())[0]!.since, 'since it was found').to.equal(finding!.since)
    answers.set(1, { is: 'busy' })
    await looks(4, HOUR)
    expect(await scrub.findings(), 'while its files are made anew').to.have.length(1)
    answers.delete(1)
    await looks(5, HOUR)
    await eventually('well again', LIMIT_MS, async () => ((await scrub.findings()).length === 0 ? true : undefined))
    expect((await records.events(1)).filter(event => event.startsWith('found'))).to.deep.equal([
      'found damaged',
      'found well again',
    ])
  })

  it('a store that does not answer makes nothing damaged, nor well', async () => {
    answers.set(1, { is: 'damaged', why: 'rot' })
    const scrub = begin(0)
    await scrub.lookAt(id(1))
    answers.set(1, { is: 'unknown', why: 'the store hangs' })
    answers.set(2, { is: 'unknown', why: 'the store hangs' })
    await scrub.lookAt(id(1))
    await scrub.lookAt(id(2))
    expect((await scrub.findings()).map(({ sid, why }) => [sid.Number, why])).to.deep.equal([[1, 'rot']])
  })

  it('a look that could not be made is made again, before the next', async () => {
    answers.set(2, new Error('the node is away'))
    begin(3 * DAY)
    await looks(4, 12 * HOUR)
    expect(looked.slice(0, 4)).to.deep.equal([1, 2, 2, 2])
    answers.delete(2)
    await eventually('the next', LIMIT_MS, () => {
      records.clock.advance(HOUR)
      return looked.includes(3) || undefined
    })
  })

  it('passes over sectors that another manager works for', async () => {
    begin(DAY, [2000])
    for (let step = 0; step < 5; step++) {
      records.clock.advance(DAY)
      await new Promise(resolve => setTimeout(resolve, 10))
    }
    expect(looked).to.deep.equal([])
  })

  for (const hours of [2, -48])
    it(`fault 46: the clock is set by ${hours} hours: at most one look comes early`, async () => {
      begin(3 * DAY)
      await looks(2, 6 * HOUR)
      records.clock.setBy = hours * HOUR
      const begun = records.clock.monotonic()
      await looks(5, 6 * HOUR)
      expect((records.clock.monotonic() - begun) / DAY).to.be.greaterThan(1.8)
    })
})
