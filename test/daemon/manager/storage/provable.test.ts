import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import type { Knex } from 'knex'
import { systemClock } from '../../../../daemon/kit/clock.js'
import { Slots } from '../../../../daemon/kit/concurrency/slots.js'
import { openDatabase } from '../../../../daemon/kit/database.js'
import { silentLog } from '../../../../daemon/kit/log.js'
import type { ChainNode } from '../../../../daemon/manager/chain/chain-node.js'
import { PersistStoreSettings } from '../../../../daemon/manager/config/manager-settings.js'
import { SectorBook } from '../../../../daemon/manager/sectors/sector-book.js'
import { IndexRepository } from '../../../../daemon/manager/storage/index-repository.js'
import { PersistStores } from '../../../../daemon/manager/storage/persist-stores.js'
import { Provable, type ProvableOptions } from '../../../../daemon/manager/storage/provable.js'
import { ProxiedIndex } from '../../../../daemon/manager/storage/proxied-index.js'
import { SectorPlaces } from '../../../../daemon/manager/storage/sector-places.js'
import { NativeSectorProver, type SectorProver } from '../../../../daemon/manager/storage/sector-proofs.js'
import { persistedFiles } from '../../../../daemon/manager/storage/store-files.js'
import { managerMigrations } from '../../../../migrations/manager/index.js'
import { isAvailable } from '../../../../plugins/prover/addon.js'
import { commRToCid } from '../../../../rpc-schema/wire/cid.js'
import { SectorOnDisk } from '../../../plugins/prover/sealed-sector.js'

describe('manager: whether sectors can be proven', () => {
  let dir: string
  let db: Knex
  let stores: PersistStores
  const info = (number: number, commR = new Uint8Array(32)) => ({
    SealProof: 5,
    SectorNumber: number,
    SectorKey: null,
    SealedCID: commRToCid(commR),
  })
  const limits = { ParallelCheckLimit: 2, SingleCheckTimeout: 5_000, PartitionCheckTimeout: 10_000 }
  const noProver: SectorProver = { prove: () => Promise.reject(new Error('not asked')), close: () => {} }
  /** A chain that knows no sector. */
  const emptyChain = { api: { StateSectorGetInfo: async () => null } } as unknown as ChainNode

  const provable = (change: Partial<ProvableOptions> = {}): Provable =>
    new Provable({
      places: new SectorPlaces(stores, new IndexRepository(db)),
      book: new SectorBook(db, systemClock),
      node: emptyChain,
      prover: noProver,
      limits,
      clock: systemClock,
      log: silentLog,
      ...change,
    })
  const write = async (number: number, size = 2048): Promise<void> => {
    const sid = { Miner: 1000, Number: number }
    for (const file of persistedFiles(sid, 5, false)) {
      mkdirSync(dirname(join(dir, file)), { recursive: true })
      writeFileSync(join(dir, file), '')
    }
    truncateSync(join(dir, `sealed/s-t01000-${number}`), size)
    await new IndexRepository(db).put('normal', sid, { SealedFile: 'a', CacheDir: 'a' })
  }

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'provable-'))
    db = await openDatabase({ dsn: ':memory:', migrations: managerMigrations })
    const settings = PersistStoreSettings.parse({ Name: 'a', Path: dir })
    stores = new PersistStores({ stores: [settings], db, clock: systemClock, log: silentLog })
  })
  afterEach(async () => {
    stores.close()
    await db.destroy()
    rmSync(dir, { recursive: true, force: true })
  })

  it('S003-75: is asked of the files alone, unless strictly', async () => {
    for (const number of [1, 2, 3]) await write(number)
    rmSync(join(dir, 'cache/s-t01000-2/p_aux'))
    const faults = await provable().check(1000, 10, [info(1), info(2), info(3), info(4)], {
      strict: false,
      stateCheck: false,
    })
    expect(Object.keys(faults)).to.deep.equal(['2', '4'])
    expect(faults['2']).to.contain('cache/s-t01000-2/p_aux not in the store a')
    expect(faults['4']).to.contain('object not found')
  })

  it('limits of 0 are none: nothing is left out for them', async () => {
    await write(1)
    const checks = provable({ limits: { ...limits, SingleCheckTimeout: 0, PartitionCheckTimeout: 0 } })
    const { bad, unknown } = await checks.examine(1000, 10, [info(1)], { strict: false, stateCheck: false })
    expect([...bad, ...unknown]).to.deep.equal([])
  })

  it('a sector that is not on the chain is bad when checked strictly, and no more than that', async () => {
    await write(1)
    const faults = await provable().check(1000, 10, [info(1)], { strict: true, stateCheck: true })
    expect(faults).to.deep.equal({ 1: 'the sector is not on the chain' })
  })

  it('of a store that hangs is answered in time', async () => {
    await write(1)
    const checks = provable({ limits: { ...limits, SingleCheckTimeout: 300 } })
    await checks.check(1000, 10, [info(1)], { strict: false, stateCheck: false })
    process.kill(stores.get('a').helper.pid!, 'SIGSTOP')
    const start = performance.now()
    const faults = await checks.check(1000, 10, [info(1)], { strict: false, stateCheck: false })
    expect(performance.now() - start).to.be.below(2_000)
    expect(faults['1']).to.match(/not done within/)
  })

  it('sectors without a turn before the end are bad for that', async () => {
    const slots = new Slots(1)
    const first = slots.run(
      () => new Promise<string>(resolve => setTimeout(resolve, 50, 'done')),
      10,
      () => 'late',
    )
    expect(
      await slots.run(
        async () => 'done',
        10,
        () => 'late',
      ),
    ).to.equal('late')
    expect(await first).to.equal('done')
    expect(
      await slots.run(
        async () => 'done',
        10,
        () => 'late',
      ),
    ).to.equal('done')
  })

  it('sizes of files that no program can open are enough for who says so, and for nobody else', async () => {
    let sizeBytes = 2048
    const store = {
      name: 'cold',
      settings: { PluginName: 's3', Plugin: '' },
      files: { stats: async (paths: string[]) => paths.map(() => ({ kind: 'file', sizeBytes })) },
    }
    const place = { sealedStore: store, cacheStore: store, sealed: 'sealed/s', cache: 'cache/s' }
    const chain = { api: { StateSectorGetInfo: async () => info(1) } } as unknown as ChainNode
    const checks = provable({ places: { find: async () => place } as never, node: chain })
    const strictly = async (sizesAreEnough: boolean) =>
      checks.check(1000, 10, [info(1)], { strict: true, stateCheck: false, sizesAreEnough })
    expect(await strictly(true)).to.deep.equal({})
    expect((await strictly(false))['1']).to.match(/cold \(s3\) has no files that the prover can open/)
    sizeBytes = 2047
    expect((await strictly(true))['1']).to.include('has 2047 bytes, expected 2048')
  })

  it('is shown by a proof of a leaf, in a process of its own', async function () {
    if (!isAvailable()) {
      this.test!.title += ' (skipped: the native prover is not built)'
      return this.skip()
    }
    const sector = new SectorOnDisk(7)
    sector.preCommit()
    await write(7)
    rmSync(join(dir, 'sealed/s-t01000-7'))
    rmSync(join(dir, 'cache/s-t01000-7'), { recursive: true })
    renameSync(sector.sealedPath, join(dir, 'sealed/s-t01000-7'))
    renameSync(sector.cacheDir, join(dir, 'cache/s-t01000-7'))
    const sealed = info(7, sector.commR)
    const chain = {
      api: { StateSectorGetInfo: async () => ({ ...sealed, SectorKeyCID: null }) },
    } as unknown as ChainNode
    const prover = new NativeSectorProver(silentLog)
    const patient = { ...limits, SingleCheckTimeout: 60_000, PartitionCheckTimeout: 60_000 }
    const checks = provable({ node: chain, prover, limits: patient })
    for (const leaves of [1, 8])
      expect(await checks.check(1000, 10, [sealed], { strict: true, stateCheck: false, leaves })).to.deep.equal({})
    // One bit of the tree that leads to the leaves.
    writeFileSync(join(dir, 'cache/s-t01000-7/sc-02-data-tree-r-last.dat'), Buffer.alloc(4))
    const faults = await checks.check(1000, 10, [sealed], { strict: true, stateCheck: false })
    expect(faults['7']).to.be.a('string').with.length.greaterThan(0)
    // The commitments beside it: of another replica than the chain has.
    const aux = readFileSync(join(dir, 'cache/s-t01000-7/p_aux'))
    aux.writeUInt8(aux.readUInt8(3) ^ 1, 3)
    writeFileSync(join(dir, 'cache/s-t01000-7/p_aux'), aux)
    const others = await checks.check(1000, 10, [sealed], { strict: true, stateCheck: false, leaves: 8 })
    expect(others['7']).to.include('belongs to another replica than the given commR')
    prover.close()
    sector.remove()
  }).timeout(60_000)
})

describe('manager: the sector index of another manager', () => {
  it('is read, never written; what is missing of it is told', async () => {
    const index = new ProxiedIndex(
      {
        SectorIndexerFind: async (_, sid) => ({
          Found: sid.Number === 1,
          Instance: { SealedFile: 'a', CacheDir: '' },
        }),
      },
      '127.0.0.1:1789',
    )
    expect(await index.find('normal', { Miner: 1, Number: 1 })).to.deep.equal({ SealedFile: 'a', CacheDir: 'a' })
    expect(await index.find('normal', { Miner: 1, Number: 2 })).to.equal(undefined)
    const refused = await index.put('normal', { Miner: 1, Number: 1 }).catch((error: Error) => error.message)
    expect(refused).to.contain('is read from the manager at 127.0.0.1:1789 (--proxy)')
  })
})
