import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Knex } from 'knex'
import { systemClock } from '../../../../daemon/kit/clock.js'
import { openDatabase } from '../../../../daemon/kit/database.js'
import { silentLog } from '../../../../daemon/kit/log.js'
import { PersistStoreSettings } from '../../../../daemon/manager/config/manager-settings.js'
import { type IdentityFacts, judgeIdentity } from '../../../../daemon/manager/storage/identity-rules.js'
import { IndexRepository } from '../../../../daemon/manager/storage/index-repository.js'
import { PersistStores } from '../../../../daemon/manager/storage/persist-stores.js'
import { scanPersistStores } from '../../../../daemon/manager/storage/scan-stores.js'
import { persistedFiles } from '../../../../daemon/manager/storage/store-files.js'
import { managerMigrations } from '../../../../migrations/manager/index.js'
import { onEachDatabase } from '../../../harness/on-each-database.js'

const failure = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no error',
    (error: Error) => error.message,
  )

describe("manager: the rules of a store's identity", () => {
  const facts = (change: Partial<IdentityFacts>): IdentityFacts => ({
    remembered: undefined,
    found: undefined,
    sameAs: undefined,
    holdsSectors: false,
    empty: false,
    unmounted: undefined,
    ...change,
  })
  const cases: readonly [string, Partial<IdentityFacts>, string][] = [
    ['the one it was', { remembered: 'a', found: 'a' }, 'known'],
    ['the one it was, and fstab has another mount above', { remembered: 'a', found: 'a', unmounted: '/x' }, 'known'],
    ['new and empty', { empty: true }, 'create'],
    ['new, with files of another system', {}, 'create'],
    ['of a manager from before ids, with files', { holdsSectors: true }, 'create'],
    ['of a manager from before ids, and empty', { holdsSectors: true, empty: true }, 'refuse'],
    ['with a file of its own', { found: 'a' }, 'remember'],
    ['an empty mount point', { remembered: 'a', empty: true }, 'refuse'],
    ['without its file', { remembered: 'a' }, 'refuse'],
    ['new, and not mounted', { unmounted: '/x', empty: true }, 'refuse'],
    ['another one, where nothing was', { remembered: 'a', found: 'b' }, 'remember'],
    ['another one, where sectors were', { remembered: 'a', found: 'b', holdsSectors: true }, 'refuse'],
    ['a copy of another store', { found: 'a', sameAs: 'other' }, 'refuse'],
  ]
  for (const [what, change, verdict] of cases) {
    it(`${what}: ${verdict}`, () => {
      expect(judgeIdentity(facts(change)).kind).to.equal(verdict)
    })
  }
})

onEachDatabase('manager: stores are told apart', database => {
  let dir: string
  let db: Knex
  const opened: PersistStores[] = []
  const sid = { Miner: 1000, Number: 3 }

  const settings = (name: string) => PersistStoreSettings.parse({ Name: name, Path: join(dir, name), KeepFree: '0' })
  const open = (...names: string[]): PersistStores => {
    const stores = new PersistStores({ stores: names.map(settings), db, clock: systemClock, log: silentLog })
    opened.push(stores)
    return stores
  }
  const fill = (name: string): void => {
    for (const file of persistedFiles(sid, 5, false)) {
      mkdirSync(join(dir, name, file, '..'), { recursive: true })
      writeFileSync(join(dir, name, file), 'x')
    }
  }

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'identity-'))
    db = await openDatabase({ dsn: await database.fresh(), migrations: managerMigrations })
    for (const name of ['a', 'b']) mkdirSync(join(dir, name))
  })
  afterEach(async () => {
    for (const stores of opened.splice(0)) stores.close()
    await db.destroy()
    rmSync(dir, { recursive: true, force: true })
  })

  it('an empty mount point is not chosen, lacks no files, and nothing is deleted in it', async () => {
    const stores = open('a', 'b')
    await stores.check()
    fill('a')
    await new IndexRepository(db).put('normal', sid, { SealedFile: 'a', CacheDir: 'a' })
    expect(await stores.missingFile(sid, 5, 'a', false)).to.equal(undefined)
    renameSync(join(dir, 'a'), join(dir, 'unmounted'))
    mkdirSync(join(dir, 'a'))
    expect((await stores.reserve(sid, 1, []))?.Name).to.equal('b')
    expect(await failure(stores.missingFile(sid, 5, 'a', false))).to.contain('is it mounted?')
    expect(await failure(stores.get('a').files.remove(['sealed']))).to.contain('is it mounted?')
    expect(readdirSync(join(dir, 'a')), 'nothing is written either').to.deep.equal([])
    const conditions = await stores.conditions()
    expect(conditions.map(({ Name, Usable }) => [Name, Usable])).to.deep.equal([
      ['a', false],
      ['b', true],
    ])
    // The next start goes on without it, and takes it up again when it is back.
    const next = open('a', 'b')
    await next.check()
    rmSync(join(dir, 'a'), { recursive: true })
    renameSync(join(dir, 'unmounted'), join(dir, 'a'))
    expect(await next.missingFile(sid, 5, 'a', false)).to.equal(undefined)
  })

  it('another disk under the same path is not the store, until an operator says so', async () => {
    const stores = open('a')
    await stores.check()
    await new IndexRepository(db).put('normal', sid, { SealedFile: 'a', CacheDir: 'a' })
    rmSync(join(dir, 'a'), { recursive: true })
    mkdirSync(join(dir, 'a'))
    writeFileSync(join(dir, 'a', 'sectorstore.json'), '{"ID":"other","Name":"a"}')
    expect(await failure(stores.missingFile(sid, 5, 'a', false))).to.contain('another store')
    expect(await stores.get('a').identity.accept()).to.equal('other')
    expect(await stores.missingFile(sid, 5, 'a', false)).to.equal('sealed/s-t01000-3')
  })

  it('two names for one directory are found out', async () => {
    await open('a').check()
    const both = new PersistStores({
      stores: [settings('a'), { ...settings('b'), Path: join(dir, 'a') }],
      db,
      clock: systemClock,
      log: silentLog,
    })
    opened.push(both)
    expect(await failure(both.check())).to.contain('persist store b')
  })

  it('stores are found by their sectorstore.json; a broken or doubled one is left out', async () => {
    writeFileSync(join(dir, 'a', 'sectorstore.json'), '{"ID":"id-a","Weight":3,"Meta":null,"AllowMiners":[1000]}')
    writeFileSync(join(dir, 'b', 'sectorstore.json'), '{"ID":')
    mkdirSync(join(dir, 'c'))
    writeFileSync(join(dir, 'c', 'sectorstore.json'), '{"ID":"x","Name":"taken"}')
    mkdirSync(join(dir, 'no-store'))
    const found = await scanPersistStores([`${dir}/*`], [settings('taken')], silentLog)
    expect(found).to.have.length(1)
    expect(found[0]).to.include({ Name: 'id-a', Path: join(dir, 'a'), Weight: 3, ReadOnly: false })
    expect(found[0]!.AllowMiners).to.deep.equal([1000])
  })
})
