import { execFileSync, spawn } from 'node:child_process'
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect } from 'chai'
import knex, { type Knex } from 'knex'
import { ON_CHAIN_STATE } from '../../../rpc-schema/manager/commitment.js'
import { ManagerBench } from '../../daemon/manager/manager-bench.js'
import { eventually } from '../../harness/eventually.js'
import { freshMariaDb, noMariaDb } from '../../harness/mariadb.js'
import { expectOnceEach } from './chain-truth.js'
import { ManagerProcess } from './manager-process.js'

const { landed } = ON_CHAIN_STATE
const LIMIT_MS = 30_000
const ANY = { AllowedMiners: [], AllowedProofTypes: [] }

const failure = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: Error) => error.message,
  )

/** A sector that is brought to the chain; whatever fails on the way is asked for again, as workers do. */
async function toTheChain(bench: ManagerBench): Promise<number> {
  const again = <T>(what: string, ask: () => Promise<T>): Promise<T> =>
    eventually(what, LIMIT_MS, async () => (await ask()) ?? undefined)
  const sector = (await again('a number', () => bench.api.AllocateSector(ANY)))!
  const Ticket = await again('a ticket', () => bench.api.AssignTicket(sector.ID))
  const { pre } = { pre: { ...(await template(bench)), Ticket } }
  const CommR = new Uint8Array(32).fill(sector.ID.Number % 250)
  CommR[31] = 0
  await again('accepted', async () =>
    (await bench.api.SubmitPreCommit(sector, { ...pre, CommR }, false)).Res === 1 ? true : undefined,
  )
  await eventually('landed', LIMIT_MS, async () =>
    (await bench.api.PollPreCommitState(sector.ID)).State === landed ? true : undefined,
  )
  return sector.ID.Number
}
let commD: Uint8Array | undefined
async function template(bench: ManagerBench): Promise<{ CommD: Uint8Array }> {
  commD ??= (await bench.sealed()).pre.CommD
  return { CommD: commD }
}

/** Another process that has a SQLite file for itself for a while. */
function locker(file: string, ms: number): Promise<Promise<unknown>> {
  const driver = createRequire(import.meta.url).resolve('better-sqlite3')
  const script = `const db = new (require(${JSON.stringify(driver)}))(${JSON.stringify(file)}); db.exec('BEGIN IMMEDIATE'); console.log('locked'); setTimeout(() => db.exec('COMMIT'), ${ms})`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise(resolve => child.once('exit', resolve))
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', () => resolve(ended))
    child.once('error', reject)
  })
}

describe('fault: the database, on SQLite', function () {
  this.timeout(60_000)
  let bench: ManagerBench
  let process_: ManagerProcess | undefined

  afterEach(async () => {
    await process_?.close()
    process_ = undefined
    await bench.stop()
  })

  it('fault 44: another process has the file locked for seconds: writes wait, the manager answers meanwhile, nothing is done by half', async () => {
    bench = await new ManagerBench().start()
    await toTheChain(bench)
    const start = performance.now()
    const unlocked = await locker(join(bench.dir, 'manager', 'manager.db'), 3_000)
    const working = Promise.all([toTheChain(bench), toTheChain(bench)])
    let slowest = 0
    while (performance.now() - start < 2_000) {
      const asked = performance.now()
      expect(await bench.api.Version()).to.equal('v0-test')
      slowest = Math.max(slowest, performance.now() - asked)
    }
    expect(slowest, 'the process is not held up').to.be.lessThan(1_000)
    await unlocked
    const numbers = await working
    expect(new Set(numbers).size).to.equal(2)
    await expectOnceEach(bench)
  })

  it('fault 41: the disk of the database is full: reads are answered, writes refused with the reason, and it heals when there is room', async function () {
    const disk = mkdtempSync(join(tmpdir(), 'small-disk-'))
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk], { stdio: 'pipe' })
    } catch {
      rmSync(disk, { recursive: true })
      bench = new ManagerBench()
      console.log('      skipped: a file system of a given size cannot be mounted here (not root)')
      return this.skip()
    }
    try {
      bench = await new ManagerBench({ home: join(disk, 'manager') }).start()
      await toTheChain(bench)
      const filler = join(disk, 'filler')
      const fill = (): void => {
        for (const size of [1 << 16, 1 << 12])
          try {
            for (;;) appendFileSync(filler, Buffer.alloc(size))
          } catch {
            // No room for so much.
          }
      }
      const told: number[] = []
      const refused = await eventually('a refusal', LIMIT_MS, async () => {
        fill()
        const sector = await bench.api.AllocateSector(ANY).catch((error: Error) => error)
        if (sector instanceof Error) return sector.message
        if (sector !== null) told.push(sector.ID.Number)
        return undefined
      })
      expect(refused).to.include('nothing was changed: the disk of the database is full')
      expect(await bench.api.Version(), 'it lives').to.equal('v0-test')
      const records = (await bench.api.ListSectors('online', 0)) ?? []
      expect(records.map(({ ID }) => ID.Number)).to.include.members(told)
      const health = await fetch(`http://${bench.manager.address}/healthcheck?full`)
      expect(health.status).to.not.equal(200)
      rmSync(filler)
      const numbers = [await toTheChain(bench), await toTheChain(bench)]
      expect(
        told.filter(number => numbers.includes(number)),
        'no number twice',
      ).to.deep.equal([])
      await expectOnceEach(bench)
    } finally {
      await bench.stop()
      execFileSync('umount', ['-l', disk])
      rmSync(disk, { recursive: true, force: true })
    }
  })

  it('fault 43: power cut: what the disk had at any moment, with the torn end of a write that was under way, is enough to go on', async () => {
    bench = await new ManagerBench().start()
    await bench.manager.stop()
    process_ = await new ManagerProcess(bench).start()
    bench.api = process_.api
    const told: number[] = []
    for (let cut = 0; cut < 2; cut++) {
      const asking = Promise.allSettled(
        Array.from({ length: 30 }, async () => told.push((await bench.api.AllocateSector(ANY))!.ID.Number)),
      )
      await eventually('some numbers', LIMIT_MS, () => (told.length > cut * 5 + 4 ? true : undefined))
      // All of one moment, as the disk has it: acknowledged commits are on it, the end of the log may be torn.
      process_.freeze()
      const known = [...told]
      const home = join(bench.dir, 'manager')
      const image = join(bench.dir, 'image')
      rmSync(image, { recursive: true, force: true })
      cpSync(home, image, { recursive: true })
      await process_.kill()
      await asking
      rmSync(home, { recursive: true })
      mkdirSync(home)
      cpSync(image, home, { recursive: true })
      // The memory of other processes is gone with the power; half a page is what became of the last write.
      rmSync(join(home, 'manager.db-shm'), { force: true })
      appendFileSync(join(home, 'manager.db-wal'), Buffer.alloc(2_000, 0x5a))
      await process_.start()
      bench.api = process_.api
      const records = new Set(((await bench.api.ListSectors('online', 0)) ?? []).map(({ ID }) => ID.Number))
      expect(
        known.filter(number => !records.has(number)),
        'told and forgotten',
      ).to.deep.equal([])
      // What was told between the cut and the kill is of a world that was not.
      told.splice(0, told.length, ...known)
    }
    expect(new Set(told).size).to.equal(told.length)
    await toTheChain(bench)
    await expectOnceEach(bench)
  })
})

/** The server is the tests' own; what is done to it is undone. */
const onMariaDb = noMariaDb === undefined ? describe : describe.skip
onMariaDb(`fault: the database, on MariaDB${noMariaDb === undefined ? '' : ` (skipped: ${noMariaDb})`}`, function () {
  this.timeout(90_000)
  let bench: ManagerBench
  let admin: Knex
  let name: string

  beforeEach(async () => {
    const dsn = new URL(await freshMariaDb())
    name = dsn.pathname.slice(1)
    admin = knex({
      client: 'mysql2',
      connection: { host: dsn.hostname, port: Number(dsn.port), user: 'root' },
      pool: { min: 0, max: 2 },
    })
    // Without the right to write to a server that is read-only.
    await admin.raw(`CREATE OR REPLACE USER '${name}'@'%' IDENTIFIED BY 'secret'`)
    await admin.raw(`GRANT ALL ON ${name}.* TO '${name}'@'%'`)
    dsn.username = name
    dsn.password = 'secret'
    bench = await new ManagerBench({ database: dsn.toString() }).start()
  })
  afterEach(async () => {
    await admin.raw('SET GLOBAL read_only = 0')
    await bench.stop()
    await admin.destroy()
  })

  const connections = async (): Promise<number[]> => {
    const [rows] = await admin.raw('SELECT id FROM information_schema.processlist WHERE user = ?', [name])
    return rows.map((row: { id: number | string }) => Number(row.id))
  }

  it('fault 45: the server resets all connections again and again: callers hear of it, what they ask for again is done once', async () => {
    const working = Promise.all(Array.from({ length: 4 }, () => toTheChain(bench)))
    for (let reset = 0; reset < 4; reset++) {
      for (const id of await connections()) await admin.raw(`KILL ${id}`).catch(() => {})
      await new Promise(resolve => setTimeout(resolve, 500))
    }
    const numbers = await working
    expect(new Set(numbers).size).to.equal(4)
    await expectOnceEach(bench)
  })

  it('fault 45: a server that is read-only: writes are refused with the reason, reads are answered, and it heals', async () => {
    const first = await toTheChain(bench)
    await admin.raw('SET GLOBAL read_only = 1')
    expect(await failure(bench.api.AllocateSector(ANY))).to.include('the database server is read-only')
    expect((await bench.api.FindSector('online', { Miner: 1000, Number: first }))?.ID.Number).to.equal(first)
    await admin.raw('SET GLOBAL read_only = 0')
    await toTheChain(bench)
    await expectOnceEach(bench)
  })

  it('fault 45: rows that others have locked: waits that time out (1205) and deadlocks (1213) are run again', async () => {
    await admin.raw(`SET GLOBAL innodb_lock_wait_timeout = 1`)
    const db = knex({ client: 'mysql2', connection: bench.databaseUrl, pool: { min: 0, max: 1 } })
    try {
      await toTheChain(bench)
      await bench.manager.stop()
      await bench.startManager()
      const trx = await db.transaction()
      await trx('sector_numbers').select().forUpdate()
      const working = toTheChain(bench)
      // Longer than one wait of the server's.
      await new Promise(resolve => setTimeout(resolve, 1_500))
      await trx.rollback()
      await working
      await expectOnceEach(bench)
    } finally {
      await admin.raw(`SET GLOBAL innodb_lock_wait_timeout = 50`)
      await db.destroy()
    }
  })
})
