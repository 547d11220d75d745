import { expect } from 'chai'
import type { Knex } from 'knex'
import { z } from 'zod'
import { systemClock } from '../../../../daemon/kit/clock.js'
import { openDatabase } from '../../../../daemon/kit/database.js'
import { SectorBook } from '../../../../daemon/manager/sectors/sector-book.js'
import { managerMigrations } from '../../../../migrations/manager/index.js'
import { type ReportStateReq, SectorState } from '../../../../rpc-schema/manager/sector-state.js'
import { onEachDatabase } from '../../../harness/on-each-database.js'

const SID = { Miner: 1000, Number: 7 }
const CAUSE = { actor: 'w', event: 'state' }
const step = (Next: string, Instance: string, Failure: ReportStateReq['Failure'] = null): ReportStateReq => ({
  Worker: { Instance, Location: '/sealing' },
  StateChange: { Prev: 'Before', Next, Event: 'Done' },
  Failure,
})

onEachDatabase('manager: the steps of a sector', database => {
  let db: Knex
  let book: SectorBook
  beforeEach(async () => {
    db = await openDatabase({ dsn: await database.fresh(), migrations: managerMigrations })
    book = new SectorBook(db, systemClock)
    await book.transaction(trx => book.create(SID, 5, CAUSE, trx))
    await book.update(SID, record => {
      record.Ticket = { Ticket: new Uint8Array(32).fill(9), Epoch: 12 }
    })
  })
  afterEach(() => db.destroy())

  const row = async () => (await db('sectors').where({ miner: 1000, number: 7 }).first())!

  it('change the latest one and nothing else, and leave the record as it would be written as a whole', async () => {
    const before = (await book.online(SID)) as Partial<SectorState>
    const failure = { Level: 'permanent', Desc: 'disk "A"\nis full' }
    for (const report of [step('PC1Done', 'w1'), step('PC2Done', 'w2'), step('Failed', 'w3', failure)]) {
      await book.step(SID, report, CAUSE)
      const { record: text, state, worker } = await row()
      const { LatestState, ...rest } = z.decode(SectorState, JSON.parse(text))
      expect(LatestState).to.deep.equal(report)
      expect(rest).to.deep.equal(before)
      expect(text).to.equal(JSON.stringify(z.encode(SectorState, z.decode(SectorState, JSON.parse(text)))))
      expect([state, worker]).to.deep.equal([report.StateChange.Next, report.Worker.Instance])
    }
    expect(await book.history(SID)).to.have.length(4)
  })

  it('tell what is decided by them; of a sector that is done nothing is changed', async () => {
    await book.step(SID, step('PC1Done', 'w1'), CAUSE)
    await book.update(SID, record => {
      record.NeedRebuild = true
    })
    const told = { ID: SID, Finalized: false, AbortReason: '', NeedRebuild: true, Unsealing: false }
    expect(await book.step(SID, step('PC2Done', 'w2'), CAUSE)).to.deep.equal({ store: 'online', record: told })
    await book.finalize(SID, CAUSE)
    const { record: text } = await row()
    const done = await book.step(SID, step('Late', 'w3'), CAUSE)
    expect(done).to.deep.equal({ store: 'offline', record: { ...told, Finalized: true } })
    expect((await row()).record).to.equal(text)
  })
})
