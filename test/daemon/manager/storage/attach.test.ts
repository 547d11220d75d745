import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import type { Knex } from 'knex'
import { openDatabase } from '../../../../daemon/kit/database.js'
import { attachStore } from '../../../../daemon/manager/storage/attach/attach-store.js'
import type { Passed } from '../../../../daemon/manager/storage/attach/tree-scan.js'
import { IndexRepository } from '../../../../daemon/manager/storage/index-repository.js'
import { persistedFiles } from '../../../../daemon/manager/storage/store-files.js'
import { managerMigrations } from '../../../../migrations/manager/index.js'
import { ON_CHAIN_STATE } from '../../../../rpc-schema/manager/commitment.js'
import { Address } from '../../../../rpc-schema/wire/address.js'
import { onEachDatabase } from '../../../harness/on-each-database.js'
import { goodProof, ManagerBench } from '../manager-bench.js'

const SIZE = 2048

function writeSector(root: string, miner: number, number: number, upgrade = false): void {
  const files = persistedFiles({ Miner: miner, Number: number }, 5, upgrade)
  for (const file of files) {
    mkdirSync(dirname(join(root, file)), { recursive: true })
    writeFileSync(join(root, file), '')
  }
  truncateSync(join(root, files[0]!), SIZE)
}

onEachDatabase('manager: a directory of sectors is attached', database => {
  let dir: string
  let db: Knex
  let index: IndexRepository

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'attach-'))
    db = await openDatabase({ dsn: await database.fresh(), migrations: managerMigrations })
    index = new IndexRepository(db)
  })
  afterEach(async () => {
    await db.destroy()
    rmSync(dir, { recursive: true, force: true })
  })

  const attach = async (change: { splitted?: boolean; pattern?: string; name?: string; root?: string } = {}) => {
    const passed: Passed[] = []
    const result = await attachStore({
      root: dir,
      name: 'a',
      pattern: '*',
      splitted: false,
      index,
      sectorSize: async miner => (miner === 1000 ? SIZE : undefined),
      onPassed: each => passed.push(each),
      ...change,
    })
    return { ...result, passed: new Map(passed.map(({ path, why }) => [path, why])) }
  }
  const find = (number: number, kind: 'normal' | 'upgrade' = 'normal') =>
    index.find(kind, { Miner: 1000, Number: number })

  it('S003-49: with the sectors whose files are all there, and a word on each of the others', async () => {
    writeSector(dir, 1000, 1)
    writeSector(dir, 1000, 2, true)
    for (const number of [3, 4]) writeSector(dir, 1000, number)
    writeSector(dir, 2000, 5)
    truncateSync(join(dir, 'sealed/s-t01000-3'), 100)
    rmSync(join(dir, 'cache/s-t01000-4/t_aux'))
    writeFileSync(join(dir, 'sealed/notes.txt'), '')
    writeFileSync(join(dir, 'sealed/s-f01000-6'), '')
    const { total, found, passed } = await attach()
    expect([total, found]).to.deep.equal([7, 2])
    expect(await find(1)).to.deep.equal({ SealedFile: 'a', CacheDir: 'a' })
    expect(await find(2)).to.equal(undefined)
    expect(await find(2, 'upgrade')).to.deep.equal({ SealedFile: 'a', CacheDir: 'a' })
    expect(passed.get('sealed/s-t01000-3')).to.equal('the sealed file has 100 bytes, expected 2048')
    expect(passed.get('sealed/s-t01000-4')).to.equal('cache/s-t01000-4/t_aux is not there')
    expect(passed.get('sealed/s-t02000-5')).to.contain('the sector size of miner t02000 is not known')
    expect(passed.get('sealed/notes.txt')).to.contain('not the name of a sector')
    expect(passed.get('sealed/s-f01000-6')).to.contain('not the name of a sector')
  })

  it('again with another name replaces what was known; a pattern picks', async () => {
    for (const number of [1, 2, 12]) writeSector(dir, 1000, number)
    await attach()
    expect((await attach({ name: 'b', pattern: 's-t01000-1*' })).total).to.equal(2)
    expect((await find(1))?.SealedFile).to.equal('b')
    expect((await find(12))?.SealedFile).to.equal('b')
    expect((await find(2))?.SealedFile).to.equal('a')
  })

  it('in two halves when that is allowed', async () => {
    writeSector(join(dir, 'x'), 1000, 1)
    mkdirSync(join(dir, 'y'))
    mkdirSync(join(dir, 'y/cache'))
    symlinkSync(join(dir, 'x/cache/s-t01000-1'), join(dir, 'y/cache/s-t01000-1'))
    rmSync(join(dir, 'x/cache'), { recursive: true })
    writeSector(join(dir, 'z'), 1000, 1)
    rmSync(join(dir, 'z/sealed'), { recursive: true })
    expect((await attach({ root: join(dir, 'x'), name: 'x' })).found, 'not allowed').to.equal(0)
    expect((await attach({ root: join(dir, 'z'), name: 'z', splitted: true })).found).to.equal(1)
    expect(await find(1), 'a cache alone').to.equal(undefined)
    expect((await attach({ root: join(dir, 'x'), name: 'x', splitted: true })).found).to.equal(1)
    expect(await find(1)).to.deep.equal({ SealedFile: 'x', CacheDir: 'z' })
  })
})

describe('manager: a large directory is attached', () => {
  it('with 100,000 sectors, without holding the event loop', async function () {
    this.timeout(120_000)
    const place = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
    const dir = mkdtempSync(join(place, 'attach-'))
    const db = await openDatabase({ dsn: ':memory:', migrations: managerMigrations })
    try {
      // One sector, and links to it: what is slow is the number of names.
      writeSector(join(dir, 'one'), 1000, 0)
      for (const folder of ['sealed', 'cache']) {
        mkdirSync(join(dir, folder))
        for (let number = 1; number <= 100_000; number++)
          symlinkSync(join(dir, 'one', folder, 's-t01000-0'), join(dir, folder, `s-t01000-${number}`))
      }
      let longest = 0
      let last = performance.now()
      const beat = setInterval(() => {
        longest = Math.max(longest, performance.now() - last)
        last = performance.now()
      }, 5)
      let shown = 0
      const { total, found } = await attachStore({
        root: dir,
        name: 'a',
        pattern: 's-*',
        splitted: false,
        index: new IndexRepository(db),
        sectorSize: async () => SIZE,
        onProgress: done => {
          shown = done
        },
      })
      clearInterval(beat)
      expect([total, found, shown]).to.deep.equal([100_000, 100_000, 100_000])
      const [row] = await db('sector_index').count({ count: '*' })
      expect(row?.count).to.equal(100_000)
      expect(longest, 'ms without a turn of the event loop').to.be.below(2_000)
    } finally {
      await db.destroy()
      rmSync(dir, { recursive: true, force: true })
    }
  })
})

describe('manager: commands about stores', function () {
  this.timeout(90_000)
  const BIN = new URL('../../../../bin/damocles-manager.js', import.meta.url).pathname
  let bench: ManagerBench

  before(async () => {
    bench = await new ManagerBench().start()
  })
  after(() => bench?.stop())

  const util = (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
    new Promise(resolve => {
      const all = [BIN, '--home', join(bench.dir, 'manager'), 'util', '--listen', bench.manager.address, ...args]
      execFile(process.execPath, all, { timeout: 30_000 }, (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr }),
      )
    })

  it('S003-46, S003-47, S003-48: attach works while the daemon runs, and prints the section for the configuration', async () => {
    const root = join(bench.dir, 'old store')
    for (const number of [501, 502]) writeSector(root, 1000, number)
    writeFileSync(join(root, 'sealed/junk'), '')
    const { code, stdout, stderr } = await util('storage', 'attach', '--verbose', '--name=old', root)
    expect(stderr).to.contain('2 sectors out of 3 files have been found')
    expect(stderr).to.contain('s-t01000-501: normal, sealed file, cache')
    expect(stderr).to.contain('add the section below into the config file:')
    expect(code).to.equal(0)
    expect(stdout).to.equal(
      `[[Common.PersistStores]]\nName = "old"\nPath = ${JSON.stringify(root)}\nStrict = false\nReadOnly = false\nWeight = 0\n`,
    )
    expect((await bench.api.SectorIndexerFind('normal', { Miner: 1000, Number: 501 })).Instance).to.deep.equal({
      SealedFile: 'old',
      CacheDir: 'old',
    })
    const located = await util('storage', 'find', '1000', '502')
    expect(located.stdout).to.equal(
      'sector s-t01000-502 located, sealed file in "old", cache dir in "old"\nstore instance not found: old is not in the configuration\n',
    )
    expect((await util('storage', 'find', 't01000', '999')).stdout).to.equal('sector s-t01000-999 not found\n')
  })

  it('S003-51: a name or a path that the configuration has otherwise is refused', async () => {
    const root = join(bench.dir, 'other')
    mkdirSync(root)
    expect((await util('storage', 'attach', '--name', 'persist', root)).stderr).to.contain('choose another --name')
    const renamed = await util('storage', 'attach', '--name', 'new', bench.storeDir)
    expect(renamed.stderr).to.contain('pass --name "persist"')
    expect(renamed.code).to.equal(1)
  })

  it('gen-sectorstore-json writes a file once', async () => {
    const root = join(bench.dir, 'fresh')
    mkdirSync(root)
    const printed = JSON.parse((await util('storage', 'gen-sectorstore-json', '--allow-miners', '1000')).stdout)
    expect(printed).to.include({ Strict: true, ReadOnly: false, Weight: 1 })
    expect(printed.AllowMiners).to.deep.equal([1000])
    expect((await util('storage', 'gen-sectorstore-json', root)).code).to.equal(0)
    expect((await util('storage', 'gen-sectorstore-json', root)).stderr).to.contain('already exists')
  })

  it('list tells of a store that cannot be used, and accept takes it', async () => {
    rmSync(bench.storeDir, { recursive: true })
    mkdirSync(bench.storeDir)
    const { stdout } = await util('storage', 'list')
    expect(stdout).to.match(/^persist:\n\tPath: .*\n\tNot usable: .*is it mounted\?/)
    const hint = await util('storage', 'accept', 'persist')
    expect(hint.stdout).to.contain('pass --really-do-it')
    expect((await util('storage', 'accept', 'persist', '--really-do-it')).stdout).to.contain('persist is accepted')
    expect((await util('storage', 'list')).stdout).to.match(/^persist:\n\tPath: .*\n\tType: /)
  })

  it('sectors remove shows what it would delete, and deletes it when told to', async () => {
    const { sector, sid } = await bench.sealed()
    bench.writeFiles(sid, sector.ProofType)
    await bench.api.SubmitPersistedEx(sid, 'persist', false)
    await bench.api.ReportAborted(sid, 'no use')
    const args = ['sealer', 'sectors', 'remove', '--actor', '1000', String(sid.Number)]
    const preview = await util(...args)
    expect(preview.stdout).to.contain(`would delete sealed/s-t01000-${sid.Number} in the store persist`)
    expect(preview.stdout).to.contain('pass --really-do-it to delete them')
    expect(existsSync(join(bench.storeDir, `sealed/s-t01000-${sid.Number}`))).to.equal(true)
    expect((await util(...args, '--really-do-it')).stdout).to.contain('remove succeed')
    expect(existsSync(join(bench.storeDir, `sealed/s-t01000-${sid.Number}`))).to.equal(false)
  })

  it('proving check, sector-info and simulate-wdpost look at the sectors of a deadline', async () => {
    const { api } = bench
    const { sector, sid, pre } = await bench.sealed()
    await api.SubmitPreCommit(sector, pre, false)
    bench.writeFiles(sid, sector.ProofType)
    await api.SubmitPersistedEx(sid, 'persist', false)
    await bench.preCommitState(sid, ON_CHAIN_STATE.landed)
    await bench.seed(sid, sector.ProofType)
    await api.SubmitProof(sid, { Proof: goodProof(1) }, false)
    await bench.proofState(sid, ON_CHAIN_STATE.landed)
    const { Deadline, Partition } = await bench.chain.StateSectorPartition(Address.fromId(1000), sid.Number, [])
    const proving = (...args: string[]) => util('sealer', 'proving', '--miner', 't01000', ...args)
    const counts = await proving('check', String(Deadline))
    expect(counts.stdout, counts.stderr).to.match(
      new RegExp(`^deadline +partition +good +bad *\n${Deadline} +${Partition} +1 +0`),
    )
    const strict = await proving('check', '--slow', '--detail', '--only-bad', String(Deadline))
    expect(strict.stdout).to.contain(`bad (sealed/s-t01000-${sid.Number} in the store persist has 1 bytes`)
    const info = JSON.parse((await proving('sector-info', String(sid.Number))).stdout)
    expect(info.Private.Accesses).to.deep.equal({ SealedFile: 'persist', CacheDir: 'persist' })
    const simulated = await proving(
      ...['simulate-wdpost', '--ddl-idx', String(Deadline), '--partition-idx', String(Partition)],
    )
    expect(simulated.stdout, simulated.stderr).to.contain('the manager proves 1 sectors')
    const vanilla = await proving(
      ...['winning-vanilla', '--sealed-file', join(bench.storeDir, `sealed/s-t01000-${sid.Number}`)],
      ...['--cache-dir', join(bench.storeDir, `cache/s-t01000-${sid.Number}`)],
    )
    expect(vanilla.code, 'files of one byte').to.equal(1)
    expect(vanilla.stderr).to.match(/sector|native prover/)
  })
})
