import { expect } from 'chai'
import type { Knex } from 'knex'
import { CID } from 'multiformats/cid'
import { z } from 'zod'
import { openDatabase } from '../../../../daemon/kit/database.js'
import { managerMigrations } from '../../../../migrations/manager/index.js'
import { managerService } from '../../../../rpc-schema/manager/index.js'
import { sealyardService } from '../../../../rpc-schema/manager/sealyard.js'
import { ANY_SECTOR, type SectorFilter } from '../../../../rpc-schema/manager/sector-search.js'
import { SectorState } from '../../../../rpc-schema/manager/sector-state.js'
import { rpcClient } from '../../../../rpc-schema/rpc/client.js'
import { connectRpc } from '../../../../rpc-schema/rpc/connection.js'
import type { Client } from '../../../../rpc-schema/rpc/method.js'
import { freshMariaDb, noMariaDb } from '../../../harness/mariadb.js'
import { onEachDatabase } from '../../../harness/on-each-database.js'
import { ManagerBench, MINER } from '../manager-bench.js'
import { dealInfo, OTHER_PIECE, PIECE, piece, reported, wireRecord } from './records.js'

onEachDatabase('manager: sectors are found', database => {
  let bench: ManagerBench
  let own: Client<typeof sealyardService.methods>
  const close: (() => Promise<void>)[] = []

  before(async function () {
    this.timeout(60_000)
    bench = await new ManagerBench({ database: await database.fresh() }).start()
    const connection = connectRpc(`ws://${bench.manager.address}`, { path: '/rpc/v0' })
    close.push(() => connection.close())
    own = rpcClient(sealyardService, connection)
    const online = [
      wireRecord(2, reported('w1', 'PC1Done')),
      wireRecord(10, { ...reported('w2', 'PC1Done'), NeedRebuild: true }),
      wireRecord(7, { Pieces: [piece(OTHER_PIECE, null), piece(PIECE, dealInfo({ AllocationID: 5 }))] }),
    ]
    const offline = [
      wireRecord(3, { Pieces: [piece(PIECE, dealInfo({ DealID: 5, IsBuiltinMarket: true }))], Finalized: true }),
      wireRecord(4, { Pieces: [piece(PIECE, dealInfo({ DealID: 6, IsBuiltinMarket: true }))], Finalized: true }),
      wireRecord(1, { AbortReason: 'no more', Finalized: true }, 2000),
    ]
    for (const record of online) expect(await bench.api.ImportSector('online', record, false)).to.equal(true)
    for (const record of offline) expect(await bench.api.ImportSector('offline', record, false)).to.equal(true)
  })
  after(async () => {
    for (const end of close) await end()
    await bench?.stop()
  })

  const numbers = (records: readonly SectorState[] | null): number[] | undefined => records?.map(({ ID }) => ID.Number)
  const found = async (filter: Partial<SectorFilter>): Promise<number[]> => {
    const { Sectors } = await own.ListSectors({ ...ANY_SECTOR, ...filter }, null, 100)
    return Sectors.map(({ Record }) => Record.ID.Number)
  }

  it('all of a store and a job class, by number, over HTTP and WebSocket', async () => {
    expect(numbers(await bench.api.ListSectors('online', 0))).to.deep.equal([2, 7, 10])
    expect(numbers(await bench.api.ListSectors('online', 1))).to.deep.equal([2, 7])
    expect(numbers(await bench.api.ListSectors('online', 3))).to.deep.equal([10])
    expect(await bench.api.ListSectors('online', 9)).to.deep.equal([])
    expect(await bench.api.ListSectors('offline', 4)).to.deep.equal([])
    const connection = connectRpc(`ws://${bench.manager.address}`, { path: '/rpc/v0' })
    const socket = rpcClient(managerService, connection)
    const answers = await Promise.all([
      socket.ListSectors('offline', 0),
      socket.Version(),
      socket.ListSectors('online', 0),
      socket.FindSectorInAllStates({ Miner: MINER, Number: 2 }),
    ])
    await connection.close()
    expect(numbers(answers[0])).to.deep.equal([3, 4, 1])
    expect(answers[1]).to.equal('v0-test')
    expect(numbers(answers[2])).to.deep.equal([2, 7, 10])
    expect(answers[3]!.ID.Number).to.equal(2)
    const batch = await fetch(`http://${bench.manager.address}/rpc/v0`, {
      method: 'POST',
      body: JSON.stringify([
        { id: 1, method: 'Venus.ListSectors', params: ['online', 0] },
        { id: 2, method: 'Venus.Version' },
      ]),
    })
    const frames = (await batch.json()) as { id: number; result: unknown }[]
    expect(frames.map(frame => frame.id)).to.deep.equal([1, 2])
    expect(frames[0]!.result).to.have.length(3)
    expect(await refusal(bench.api.ListSectors('x', 0))).to.include('kv for worker state x does not exist')
  })

  it('by deal of the built-in market, by piece', async () => {
    const withDeal = (store: string, deal: number) => bench.api.FindSectorsWithDeal(store, deal)
    expect(numbers(await withDeal('offline', 5))).to.deep.equal([3])
    expect(await withDeal('online', 5)).to.equal(null)
    expect(await refusal(withDeal('online', 0))).to.equal('empty deal id')
    const withPiece = async (store: string, cid: string) =>
      (await bench.api.FindSectorWithPiece(store, CID.parse(cid)))?.ID.Number
    expect(await withPiece('offline', PIECE)).to.equal(4)
    expect(await withPiece('online', OTHER_PIECE)).to.equal(7)
    expect(await withPiece('offline', OTHER_PIECE)).to.equal(undefined)
  })

  it('by every part of a filter', async () => {
    expect(await found({})).to.deep.equal([2, 3, 4, 7, 10, 1])
    expect(await found({ Miner: 2000 })).to.deep.equal([1])
    expect(await found({ State: 'PC1Done' })).to.deep.equal([2, 10])
    expect(await found({ Worker: 'w2' })).to.deep.equal([10])
    expect(await found({ Jobs: [1, 3], Store: 'online' })).to.deep.equal([2, 7, 10])
    expect(await found({ Deal: 5 })).to.deep.equal([3])
    expect(await found({ Allocation: 5 })).to.deep.equal([7])
    expect(await found({ Piece: CID.parse(PIECE), Store: 'online' })).to.deep.equal([7])
    expect(await found({ Aborted: true })).to.deep.equal([1])
    expect(await found({ Silent: true, Store: 'online' })).to.deep.equal([7])
    expect(await found({ Silent: false })).to.deep.equal([2, 10])
    expect(await found({ CreatedBefore: 1 })).to.deep.equal([])
    expect(await found({ CreatedBefore: Date.now() + 1_000_000, Silent: true })).to.have.length(4)
  })

  it('page after page, each once', async () => {
    const seen: number[] = []
    for (let cursor: string | null = null; ; ) {
      const page = await own.ListSectors(ANY_SECTOR, cursor, 2)
      seen.push(...page.Sectors.map(({ Record }) => Record.ID.Number))
      cursor = page.Next
      if (cursor === null) break
    }
    expect(seen).to.deep.equal([2, 3, 4, 7, 10, 1])
    expect(await refusal(own.ListSectors(ANY_SECTOR, 'x', 2))).to.include('cursor: expected the Next')
  })

  it('as they are after each change', async () => {
    const sid = { Miner: MINER, Number: 2 }
    await bench.api.ReportState(sid, { ...reported('w9', 'PC2Done').LatestState })
    expect(await found({ Worker: 'w9', State: 'PC2Done' })).to.deep.equal([2])
    expect(await found({ Worker: 'w1' })).to.deep.equal([])
    const replaced = wireRecord(7, { Pieces: [piece(PIECE, dealInfo({ AllocationID: 8 }))] })
    expect(await bench.api.ImportSector('online', replaced, false)).to.equal(false)
    expect(await found({ Allocation: 5 })).to.deep.equal([7])
    expect(await bench.api.ImportSector('online', replaced, true)).to.equal(true)
    expect(await found({ Allocation: 5 })).to.deep.equal([])
    expect(await found({ Allocation: 8 })).to.deep.equal([7])
    expect(await bench.api.ImportSector('online', null, true)).to.equal(false)
    expect(await refusal(bench.api.ImportSector('x', replaced, true))).to.include('does not exist')
    const history = await own.SectorHistory({ Miner: MINER, Number: 7 })
    expect(history!.map(event => event.Event)).to.deep.equal(['imported', 'imported'])
    expect(history![1]).to.deep.include({ Actor: 'operator', Detail: 'in the place of one that was online' })
    expect(await own.SectorHistory({ Miner: MINER, Number: 99 })).to.deep.equal([])
  })
})

describe('manager: sectors are found', () => {
  const refill = async (dsn: string): Promise<void> => {
    const without = managerMigrations.filter(({ name }) => name < '060')
    const db: Knex = await openDatabase({ dsn, migrations: without })
    try {
      const stored = (record: SectorState) => ({
        miner: record.ID.Miner,
        number: record.ID.Number,
        store: 'online',
        upgraded: false,
        need_rebuild: false,
        unsealing: false,
        need_send: false,
        record: JSON.stringify(z.encode(SectorState, record)),
        created_at: 1,
        updated_at: 1,
      })
      await db('sectors').insert([
        stored(wireRecord(1, { ...reported('w1', 'PC1Done'), Pieces: [piece(PIECE, dealInfo({ AllocationID: 5 }))] })),
        stored(wireRecord(2, { AbortReason: 'x' })),
        stored(wireRecord(1, { Deals: [{ ID: 9, Piece: { Size: 2048, Cid: { '/': PIECE } } }] }, 2000)),
      ])
      const step = managerMigrations.find(({ name }) => name === '060-sector-search')!
      await step.up(db)
      const rows = await db('sectors').orderBy(['miner', 'number']).select('state', 'worker', 'aborted')
      expect(rows.map(row => [row.state, row.worker, Boolean(row.aborted)])).to.deep.equal([
        ['PC1Done', 'w1', false],
        [null, null, true],
        [null, null, false],
      ])
      const pieces = await db('sector_pieces').orderBy(['miner', 'number'])
      expect(
        pieces.map(row => [Number(row.miner), row.deal_id, row.allocation_id].map(value => value && Number(value))),
      ).to.deep.equal([
        [MINER, null, 5],
        [2000, 9, null],
      ])
      await step.down!(db)
    } finally {
      await db.destroy()
    }
  }

  it('also those of a database of an earlier version', () => refill(':memory:'))
  it('also those of an earlier version in MariaDB', async function () {
    if (noMariaDb !== undefined) this.skip()
    this.timeout(60_000)
    await refill(await freshMariaDb())
  })
})

async function refusal(call: Promise<unknown>): Promise<string> {
  try {
    await call
  } catch (error) {
    return (error as Error).message
  }
  throw new Error('expected a refusal')
}
