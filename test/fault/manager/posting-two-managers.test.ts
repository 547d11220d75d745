import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Knex } from 'knex'
import { openDatabase } from '../../../daemon/kit/database.js'
import { managerMigrations } from '../../../migrations/manager/index.js'
import { eventually } from '../../harness/eventually.js'
import { freshMariaDb, noMariaDb } from '../../harness/mariadb.js'
import { ManagerProcess } from './manager-process.js'
import { PostingBench } from './posting-bench.js'

const LIMIT_MS = 120_000
/** Renewals of a claim that tell that its manager is at nothing else than its proof. */
const RENEWALS = 3

const onMariaDb = noMariaDb === undefined ? describe : describe.skip
onMariaDb(
  `fault: two managers that prove windows, on one database${noMariaDb === undefined ? '' : ` (skipped: ${noMariaDb})`}`,
  function () {
    this.timeout(4 * LIMIT_MS)
    let bench: PostingBench
    let other: ManagerProcess
    let finish: string
    let db: Knex

    before(async () => {
      const dsn = await freshMariaDb()
      bench = await new PostingBench({ database: dsn }).start()
      finish = join(bench.manager.dir, 'finish')
      other = new ManagerProcess(bench.manager, { home: 'other', provesWith: finish })
      db = await openDatabase({ dsn, migrations: managerMigrations })
    })
    after(async () => {
      await db?.destroy()
      await other?.close()
      await bench?.stop()
    })

    /** The other one is in the middle of its proof, and of nothing else: no row is locked by it. */
    async function isAtItsProof(): Promise<void> {
      await eventually('its proof is begun', LIMIT_MS, () =>
        other.log.some(line => line.includes('running window post')) ? true : undefined,
      )
      const seen = new Set<number>()
      await eventually('its claim is kept up', LIMIT_MS, async () => {
        const row: { lease_until: number } | undefined = await db('post_claims').first('lease_until')
        if (row !== undefined) seen.add(Number(row.lease_until))
        return seen.size > RENEWALS || undefined
      })
    }

    it('fault 25: one is frozen in the middle of its proof; the other proves and sends, and the first neither keeps nor sends its own', async () => {
      const window = await bench.window()
      await bench.manager.manager.stop()
      await other.start()
      await bench.moveTo(window.Open - 2)
      await isAtItsProof()
      other.freeze()
      const asked = bench.prover.requests.length
      await bench.manager.startManager()
      bench.reconnect()
      await bench.seen(window, 'verified')
      expect(bench.prover.requests.length - asked).to.equal(1)
      await bench.moveTo(bench.sendsAt(window))
      await bench.pooled()
      await bench.landed(window)
      writeFileSync(finish, '')
      other.thaw()
      await eventually('the first has noticed', LIMIT_MS, () =>
        other.log.some(line => /another manager has taken partitions|"isKept":false/.test(line)) ? true : undefined,
      )
      const kept: { state: string }[] = await db('post_submissions').where({ open: window.Open }).select('state')
      expect(kept).to.deep.equal([{ state: 'landed' }])
      await bench.admin.Advance(3)
      await bench.made(window)
    })

    it('fault 25: both are there, and one is killed at any time: each window is proven and sent once', async () => {
      for (const killed of ['before it begins', 'with its proof kept']) {
        const window = await bench.window()
        await bench.moveTo(killed === 'before it begins' ? window.Challenge : window.Open - 2)
        if (killed !== 'before it begins') await bench.seen(window, 'verified')
        await other.kill()
        await bench.moveTo(window.Open - 2)
        await bench.seen(window, 'verified')
        await bench.moveTo(bench.sendsAt(window))
        await bench.pooled()
        await bench.landed(window)
        await bench.made(window)
        await other.start()
      }
    })
  },
)
