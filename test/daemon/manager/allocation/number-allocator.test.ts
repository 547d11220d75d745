import { expect } from 'chai'
import fc from 'fast-check'
import type { Knex } from 'knex'
import { type Clock, systemClock } from '../../../../daemon/kit/clock.js'
import { openDatabase } from '../../../../daemon/kit/database.js'
import { skipForgottenNumbers } from '../../../../daemon/manager/allocation/after-restore.js'
import {
  type Allocation,
  type AllocationRules,
  NumberAllocator,
} from '../../../../daemon/manager/allocation/number-allocator.js'
import { Pledges } from '../../../../daemon/manager/allocation/pledges.js'
import { SectorBook } from '../../../../daemon/manager/sectors/sector-book.js'
import { managerMigrations } from '../../../../migrations/manager/index.js'
import { Bitfield } from '../../../../rpc-schema/wire/bitfield.js'
import { onEachDatabase } from '../../../harness/on-each-database.js'

const MINER = 1000
const RULES: AllocationRules = { min: 0, max: null, maxSealing: 0, pledgeOnly: false }
const TABLES = ['sectors', 'sector_history', 'sector_numbers', 'sector_number_skips', 'pledges'] as const

interface OneManager {
  db: Knex
  book: SectorBook
  pledges: Pledges
  numbers: NumberAllocator
}

const managerOn = (db: Knex, clock: Clock = systemClock): OneManager => {
  const book = new SectorBook(db, clock)
  const pledges = new Pledges(db, clock)
  const stored = { largest: () => Promise.resolve(undefined) }
  return { db, book, pledges, numbers: new NumberAllocator({ db, clock, book, pledges, stored }) }
}

const numberOf = (allocation: Allocation): number => {
  if ('none' in allocation) throw new Error(allocation.none)
  return allocation.number
}

onEachDatabase('manager: numbers are given once', database => {
  let dbs: Knex[]

  beforeEach(async function () {
    this.timeout(60_000)
    const dsn = await database.fresh()
    const open = () => openDatabase({ dsn, migrations: managerMigrations })
    const first = await open()
    // Two managers share a MySQL database; a SQLite file has one.
    dbs = [first, database.name === 'SQLite' ? first : await open()]
  })
  afterEach(async () => {
    for (const db of new Set(dbs)) await db.destroy()
  })

  const empty = async (): Promise<void> => {
    for (const table of TABLES) await dbs[0]!(table).delete()
  }
  const copy = async (): Promise<Record<string, object[]>> =>
    Object.fromEntries(await Promise.all(TABLES.map(async table => [table, await dbs[0]!(table)])))
  const putBack = async (saved: Record<string, object[]>): Promise<void> => {
    await empty()
    for (const table of TABLES) if (saved[table]!.length > 0) await dbs[0]!.batchInsert(table, saved[table]!, 50)
  }

  type Step =
    | { do: 'allocate'; by: number[] }
    | { do: 'pre-commit'; which: number }
    | { do: 'others use one'; ahead: number }
    | { do: 'restart' }
    | { do: 'copy' }
    | { do: 'put back' }
    | { do: 'raise'; by: number }

  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('allocate' as const),
        by: fc.array(fc.nat(1), { minLength: 1, maxLength: 6 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('pre-commit' as const), which: fc.nat(50) }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('others use one' as const), ahead: fc.integer({ min: 1, max: 3_000 }) }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('copy' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('put back' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('raise' as const), by: fc.nat(20) }) },
  )

  it('whatever the order of allocations, restarts, restores and the numbers of others', async function () {
    this.timeout(120_000)
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 25 }), async steps => {
        await empty()
        let now = 1_700_000_000_000
        const clock: Clock = { ...systemClock, now: () => now }
        let managers = dbs.map(db => managerOn(db, clock))
        const given: number[] = []
        const onChain = new Set<number>()
        let saved = await copy()
        let copiedAt = now
        let givenAtCopy = 0
        for (const one of steps) {
          now += 3_600_000
          if (one.do === 'allocate') {
            const used = Bitfield.of(onChain)
            const round = await Promise.all(
              one.by.map(index => managers[index]!.numbers.allocate(MINER, 5, RULES, used)),
            )
            given.push(...round.map(numberOf))
          } else if (one.do === 'pre-commit' && given.length > 0) onChain.add(given[one.which % given.length]!)
          else if (one.do === 'others use one') {
            const largest = Math.max(0, ...given, ...onChain)
            onChain.add(largest + one.ahead)
            given.push(largest + one.ahead)
          } else if (one.do === 'restart') managers = dbs.map(db => managerOn(db, clock))
          else if (one.do === 'copy') {
            saved = await copy()
            copiedAt = now
            givenAtCopy = given.length
          } else if (one.do === 'put back') {
            await putBack(saved)
            // Either the chain shows that the copy is old, or `util restore` says so; of a copy without any record nobody can tell how old it is.
            const before = Math.max(0, ...given.slice(0, givenAtCopy))
            const shown =
              saved.sectors!.length > 0 &&
              given.slice(givenAtCopy).some(number => onChain.has(number) && number > before)
            if (!shown) await skipForgottenNumbers(dbs[0]!, clock, { miners: [MINER], copiedAt })
          } else if (one.do === 'raise') {
            const last = await managers[0]!.numbers.last(MINER)
            await managers[0]!.numbers.raise(MINER, last + one.by, 'a test')
          }
          expect(new Set(given).size, `given: ${given}`).to.equal(given.length)
        }
      }),
      { numRuns: database.name === 'SQLite' ? 60 : 12 },
    )
  })

  it('60 at once by two managers are 60 numbers in a row', async () => {
    const managers = dbs.map(db => managerOn(db))
    const all = await Promise.all(
      Array.from({ length: 60 }, (_, turn) => managers[turn % 2]!.numbers.allocate(MINER, 5, RULES, Bitfield.EMPTY)),
    )
    expect(all.map(numberOf).sort((a, b) => a - b)).to.deep.equal(Array.from({ length: 60 }, (_, index) => index + 1))
  }).timeout(30_000)

  it('a skip is written down with its reason; numbers never go back', async () => {
    const { numbers } = managerOn(dbs[0]!)
    expect(numberOf(await numbers.allocate(MINER, 5, RULES, Bitfield.of([30])))).to.equal(1_031)
    expect(await numbers.raise(MINER, 2_000, 'moved here')).to.equal(2_000)
    expect(await numbers.raise(MINER, 10, 'a mistake')).to.equal(2_000)
    const skips = await numbers.skips(MINER)
    expect(skips.map(({ before, after }) => [before, after])).to.deep.equal([
      [1_031, 2_000],
      [0, 1_030],
    ])
    expect(skips[1]!.reason).to.include('the chain has sector 30')
  })

  it('S002-42: no more than MaxSealingSectors are being sealed, however many ask at once', async () => {
    const managers = dbs.map(db => managerOn(db))
    const rules = { ...RULES, maxSealing: 3 }
    const ask = async (count: number): Promise<Allocation[]> =>
      Promise.all(
        Array.from({ length: count }, (_, turn) =>
          managers[turn % 2]!.numbers.allocate(MINER, 5, rules, Bitfield.EMPTY),
        ),
      )
    const first = await ask(8)
    expect(first.filter(one => 'number' in one)).to.have.length(3)
    expect(first.filter(one => 'none' in one && one.none === 'enough sectors are being sealed')).to.have.length(5)
    // What is rebuilt is not counted, what is finished neither.
    await managers[0]!.book.update({ Miner: MINER, Number: 1 }, record => {
      record.NeedRebuild = true
    })
    await managers[0]!.book.finalize({ Miner: MINER, Number: 2 }, { actor: 'worker', event: 'finalized' })
    expect((await ask(8)).filter(one => 'number' in one)).to.have.length(2)
    expect(numberOf(await managers[0]!.numbers.allocate(2000, 5, rules, Bitfield.EMPTY))).to.equal(1)
  }).timeout(30_000)

  it('S002-41: a pledge gives one sector, once, and waits until a worker asks', async () => {
    const managers = dbs.map(db => managerOn(db))
    const rules = { ...RULES, pledgeOnly: true }
    const { pledges } = managers[0]!
    expect(await managers[0]!.numbers.allocate(MINER, 5, rules, Bitfield.EMPTY)).to.deep.equal({
      none: 'no pledge waits',
    })
    const asked = await pledges.ask(MINER, 4, 'r1')
    expect(asked.map(({ state }) => state)).to.deep.equal(['waiting', 'waiting', 'waiting', 'waiting'])
    expect(await pledges.ask(MINER, 4, 'r1')).to.deep.equal(asked)
    expect(await pledges.countWaiting(MINER)).to.equal(4)
    expect(await pledges.cancel([asked[3]!.id, asked[3]!.id])).to.deep.equal([asked[3]!.id])
    const all = await Promise.all(
      Array.from({ length: 7 }, (_, turn) => managers[turn % 2]!.numbers.allocate(MINER, 5, rules, Bitfield.EMPTY)),
    )
    expect(all.filter(one => 'number' in one)).to.have.length(3)
    const settled = await pledges.list({ miner: MINER, state: null }, 0, 10)
    expect(settled.map(({ state }) => state)).to.deep.equal(['given', 'given', 'given', 'cancelled'])
    expect(settled.map(({ number }) => number).slice(0, 3)).to.have.members(
      all.filter(one => 'number' in one).map(numberOf),
    )
    expect(await pledges.cancel(asked.map(({ id }) => id))).to.deep.equal([])
    expect((await pledges.list({ miner: null, state: 'cancelled' }, 0, 10)).map(({ id }) => id)).to.deep.equal([
      asked[3]!.id,
    ])
    const history = await managers[0]!.book.history({ Miner: MINER, Number: settled[0]!.number! })
    expect(history[0]).to.deep.include({ event: 'allocated', detail: `for pledge ${settled[0]!.id}` })
  }).timeout(30_000)

  it('a pledge that another request has the id of is refused', async () => {
    const { pledges } = managerOn(dbs[0]!)
    await pledges.ask(MINER, 2, 'r')
    for (const [count, request] of [
      [3, 'r'],
      [0, 'x'],
      [1_001, 'x'],
      [1, ''],
    ] as const) {
      const refusal = await Promise.resolve()
        .then(() => pledges.ask(MINER, count, request))
        .then(
          () => 'taken',
          (error: Error) => error.message,
        )
      expect(refusal).to.match(/has been made before|expected/)
    }
  })
})
