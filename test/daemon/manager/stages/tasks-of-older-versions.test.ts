import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { openDatabase } from '../../../../daemon/kit/database.js'
import { managerMigrations } from '../../../../migrations/manager/index.js'
import { onEachDatabase } from '../../../harness/on-each-database.js'
import { DeskUnderTest } from './desk-under-test.js'

const SECTOR = { Miner: 1000, Number: 7 }
const KEY = { miner: 1000, number: 7 }
const LEFT = { Path: 'path-A', Sector: { Miner: 1000, Number: 6 } }

onEachDatabase('stage tasks and leftovers that were made before there was a board', database => {
  let dir: string

  beforeEach(function () {
    this.currentTest!.timeout(120_000)
    dir = mkdtempSync(join(tmpdir(), 'older-stages-'))
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  it('are given out and removed as new ones are', async () => {
    const fresh = await database.fresh()
    const dsn = fresh === ':memory:' ? join(dir, 'manager.db') : fresh
    const at = managerMigrations.findIndex(({ name }) => name.endsWith('-stage-board'))
    const before = await openDatabase({ dsn, migrations: managerMigrations.slice(0, at) })
    await before('stage_sectors').insert({
      ...{ ...KEY, proof_type: 5, state: 'PieceAdded', place: 'path-A', record: '{}', begun_at: 1 },
    })
    await before('stage_tasks').insert({
      ...{ ...KEY, id: 's-t01000-7.PC1.x', queue_group: '1000', kind: 'PC1', state: 'ready', owner: '', error: '' },
      ...{ path: '', fetch_from: '', created_at: 1, started_at: 0, finished_at: 0, due_at: 1, fence: 3, attempts: 1 },
      ...{ lease_until: 0, not_before: 0 },
    })
    await before('stage_leftovers').insert({ path: LEFT.Path, miner: 1000, number: 6 })
    await before('unseal_tasks').insert({
      ...{ ...KEY, piece_cid: 'piece', offset: 0, size: 1, dests: '[]', state: 'set_up', error: '', created_at: 1 },
      failures: 0,
    })
    await before.destroy()
    const of = await DeskUnderTest.open(dsn)
    try {
      expect((await of.report('A')).Remove).to.deep.equal([LEFT])
      expect(await of.desk.beginRemoval('A', 'first', LEFT)).to.equal(true)
      await of.desk.removed(LEFT)
      expect((await of.report('A')).Remove).to.deep.equal([])
      const grant = await of.claim('A')
      expect(grant).to.deep.include({ Kind: 'PC1', Path: 'path-A', Record: '{}' })
      expect(grant!.Sector.ID).to.deep.equal(SECTOR)
      expect(grant!.Claim.Fence).to.equal(4)
      expect(await of.next(grant!, 'PC1Done')).to.equal(true)
      const [unseal] = await of.db('unseal_tasks').select()
      expect(Boolean(unseal.upgraded)).to.equal(false)
    } finally {
      await of.db.destroy()
    }
  })
})
