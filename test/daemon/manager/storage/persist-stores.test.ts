import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Knex } from 'knex'
import { systemClock } from '../../../../daemon/kit/clock.js'
import { openDatabase } from '../../../../daemon/kit/database.js'
import { silentLog } from '../../../../daemon/kit/log.js'
import type { PersistStoreSettings } from '../../../../daemon/manager/config/manager-settings.js'
import { StoreHelper } from '../../../../daemon/manager/storage/helper/store-helper.js'
import { PersistStores } from '../../../../daemon/manager/storage/persist-stores.js'
import { weightedChoice } from '../../../../daemon/manager/storage/store-choice.js'
import { persistedFiles, StoreFiles } from '../../../../daemon/manager/storage/store-files.js'
import { managerMigrations } from '../../../../migrations/manager/index.js'
import { onEachDatabase } from '../../../harness/on-each-database.js'

const sid = (number: number, miner = 1000) => ({ Miner: miner, Number: number })

const store = (Name: string, change: Partial<PersistStoreSettings> = {}): PersistStoreSettings => ({
  Name,
  Path: `/nowhere/${Name}`,
  Meta: undefined,
  Strict: false,
  ReadOnly: false,
  KeepFree: '0',
  Weight: 0,
  AllowMiners: [],
  DenyMiners: [],
  PluginName: '',
  Plugin: '',
  ...change,
})

onEachDatabase('manager: space in the persist stores', database => {
  let db: Knex
  let free: Record<string, number>
  let point = 0
  let opened: PersistStores
  const marked = new Set<string>()

  const open = (...stores: PersistStoreSettings[]): PersistStores =>
    (opened = new PersistStores({
      stores,
      db,
      clock: systemClock,
      log: silentLog,
      random: () => point,
      spaceOf: async ({ Name }) => {
        const freeBytes = free[Name]
        if (freeBytes === undefined) throw new Error('no answer')
        return { type: 'test', totalBytes: 1_000_000, freeBytes, usedBytes: 0, readOnlyMarker: marked.has(Name) }
      },
    }))

  beforeEach(async () => {
    db = await openDatabase({ dsn: await database.fresh(), migrations: managerMigrations })
    free = { a: 10_000, b: 10_000 }
    point = 0
  })
  afterEach(async () => {
    opened.close()
    marked.clear()
    await db.destroy()
  })

  const reserved = async (stores: PersistStores): Promise<number[]> => (await stores.list()).map(info => info.Reserved)

  it('is held once for a sector, however often it asks', async () => {
    const stores = open(store('a'), store('b'))
    expect((await stores.reserve(sid(1), 4_096, []))?.Name).to.equal('a')
    point = 0.99
    expect((await stores.reserve(sid(1), 4_096, []))?.Name).to.equal('a')
    expect((await stores.reserve(sid(2), 4_096, []))?.Name).to.equal('b')
    expect(await reserved(stores)).to.deep.equal([4_096, 4_096])
  })

  it('of another size replaces what the sector held in the same store, without losing count', async () => {
    const stores = open(store('a'))
    for (const size of [4_000, 6_000, 4_000, 9_000]) expect(await stores.reserve(sid(1), size, [])).to.not.equal(null)
    expect(await reserved(stores)).to.deep.equal([9_000])
    expect(await stores.release(sid(1))).to.equal(true)
    expect(await reserved(stores)).to.deep.equal([0])
    expect(await stores.release(sid(1))).to.equal(false)
  })

  it('is not given twice', async () => {
    const stores = open(store('a'))
    const many = await Promise.all([1, 2, 3, 4].map(number => stores.reserve(sid(number), 3_000, [])))
    expect(many.filter(found => found !== null)).to.have.length(3)
    expect(await reserved(stores)).to.deep.equal([9_000])
  })

  it('is looked for among the candidates, by the rules of the stores', async () => {
    const stores = open(
      store('a', { DenyMiners: [1000], AllowMiners: [1000] }),
      store('b', { AllowMiners: [1000] }),
      store('c'),
    )
    free = { a: 10_000, b: 10_000 }
    expect((await stores.reserve(sid(1), 1, []))?.Name, 'c does not answer').to.equal('b')
    expect(await stores.reserve(sid(1), 2, ['a'])).to.equal(null)
    expect(await stores.reserve(sid(1, 2000), 2, ['b'])).to.equal(null)
    expect(await stores.reserve(sid(1), 2, ['nope'])).to.equal(null)
    expect((await stores.list()).map(info => info.Name)).to.deep.equal(['a', 'b'])
  })

  it('of a store that is read-only by now is still given to whom it was promised', async () => {
    await open(store('a')).reserve(sid(1), 4_096, [])
    const stores = open(store('a', { ReadOnly: true }))
    expect((await stores.reserve(sid(1), 4_096, []))?.Name).to.equal('a')
    expect(await stores.reserve(sid(2), 4_096, [])).to.equal(null)
  })

  it('weights decide, 0 counts as 1', () => {
    const items = [
      ['x', 0],
      ['y', 3],
    ] as const
    const pick = (at: number): string => weightedChoice(items, ([, weight]) => weight || 1, at)![0]
    expect([0, 0.24, 0.26, 0.99].map(pick)).to.deep.equal(['x', 'x', 'y', 'y'])
    expect(weightedChoice([], () => 1, 0.5)).to.equal(undefined)
  })

  it('leaves free what is to stay free, by size or by percentage', async () => {
    const stores = open(store('a', { KeepFree: '1%' }), store('b', { KeepFree: '9KB' }))
    // 1 % of 1,000,000 bytes is all that a has.
    expect((await stores.reserve(sid(1), 1_000, []))?.Name).to.equal('b')
    expect(await stores.reserve(sid(2), 1, [])).to.equal(null)
  })

  it('goes rather to the store with fewer sectors on their way', async () => {
    const stores = open(store('a', { Weight: 2 }), store('b', { Weight: 2 }))
    await stores.reserve(sid(1), 10, ['a'])
    // Shares are 1 and 2 now: the border lies at a third.
    point = 0.32
    expect((await stores.reserve(sid(2), 10, []))?.Name).to.equal('a')
    point = 0.4
    expect((await stores.reserve(sid(3), 10, []))?.Name).to.equal('b')
  })

  it('is not given in a store with the marker readonly.lock', async () => {
    const stores = open(store('a'), store('b'))
    marked.add('a')
    expect((await stores.reserve(sid(1), 10, []))?.Name).to.equal('b')
    expect((await stores.list()).map(info => info.ReadOnly)).to.deep.equal([true, false])
  })

  it('takes over settings that change while the manager runs', async () => {
    const stores = open(store('a'), store('b'))
    stores.configure([store('a', { ReadOnly: true }), store('b', { Weight: 7 })])
    expect((await stores.list()).map(info => [info.ReadOnly, info.Weight])).to.deep.equal([
      [true, 0],
      [false, 7],
    ])
  })

  it('a store that is not there is named at the start', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'stores-'))
    const problem = await open(store('a', { Path: join(dir, 'x') }))
      .check()
      .catch((error: Error) => error.message)
    opened.close()
    await open(store('a', { Path: dir })).check()
    expect(problem).to.match(/persist store a: .*\/x: .*its directory does not exist/)
    rmSync(dir, { recursive: true })
  })
})

describe('manager: a store that hangs', () => {
  let dir: string
  let db: Knex
  let stores: PersistStores

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'stores-'))
    db = await openDatabase({ dsn: ':memory:', migrations: managerMigrations })
    const both = ['a', 'b'].map(name => {
      mkdirSync(join(dir, name))
      return store(name, { Path: join(dir, name) })
    })
    const limits = { requestMs: 2_000, pauseMs: 60_000 }
    stores = new PersistStores({ stores: both, db, clock: systemClock, log: silentLog, limits })
    // However long the processes take to start on a busy machine.
    for (const name of ['a', 'b']) await stores.get(name).helper.request('look', {}, { limitMs: 15_000 })
    await stores.check()
  })
  afterEach(async () => {
    stores.close()
    await db.destroy()
    rmSync(dir, { recursive: true })
  })

  it('is left out of the choice after its deadline, at once from then on, and the others are served meanwhile', async () => {
    process.kill(stores.get('a').helper.pid!, 'SIGSTOP')
    const hanging = stores.reserve(sid(1), 10, ['a'])
    const start = performance.now()
    expect((await stores.reserve(sid(2), 10, ['b']))?.Name).to.equal('b')
    expect(performance.now() - start, 'the other store').to.be.below(1_500)
    expect(await hanging).to.equal(null)
    const again = performance.now()
    expect((await stores.reserve(sid(3), 10, []))?.Name).to.equal('b')
    expect(performance.now() - again, 'it is known by now').to.be.below(1_500)
    expect((await stores.conditions()).find(({ Name }) => Name === 'a')?.Reason).to.contain('does not answer')
  })
})

describe('manager: the files of a sector', () => {
  it('may be links, but not ones that lead nowhere; a strict store takes no links', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'stores-'))
    const helper = new StoreHelper({ task: { name: 'a', path: dir, plugin: '', meta: {} }, log: silentLog })
    const files = new StoreFiles(helper, { expected: async () => undefined, doubt: () => {} })
    writeFileSync(join(dir, 'there'), 'x')
    symlinkSync('there', join(dir, 'link'))
    symlinkSync('nowhere', join(dir, 'dangling'))
    expect(await files.firstMissing(['there', 'link'], false)).to.equal(undefined)
    expect(await files.firstMissing(['there', 'link'], true)).to.equal('link')
    expect(await files.firstMissing(['there', 'dangling'], false)).to.equal('dangling')
    const outside = await files.firstMissing(['../x'], false).catch((error: Error) => error.message)
    expect(outside).to.contain('leads out of the store a')
    const unmarked = await files.remove(['there']).catch((error: Error) => error.message)
    expect(unmarked).to.contain('it has no identity file')
    helper.close()
    rmSync(dir, { recursive: true })
  })

  it('by its size', () => {
    expect(persistedFiles(sid(3), 5, false)).to.deep.equal([
      'sealed/s-t01000-3',
      'cache/s-t01000-3/p_aux',
      'cache/s-t01000-3/t_aux',
      'cache/s-t01000-3/sc-02-data-tree-r-last.dat',
    ])
    expect(persistedFiles(sid(3), 8, true)).to.include.members([
      'update/s-t01000-3',
      'update-cache/s-t01000-3/sc-02-data-tree-r-last-7.dat',
    ])
    expect(persistedFiles(sid(3), 8, true)).to.have.length(3 + 8)
    expect(persistedFiles(sid(3), 9, false)).to.have.length(3 + 16)
  })
})
