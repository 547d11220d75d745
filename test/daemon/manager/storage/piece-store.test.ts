import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Knex } from 'knex'
import { systemClock } from '../../../../daemon/kit/clock.js'
import { openDatabase } from '../../../../daemon/kit/database.js'
import { HttpServer } from '../../../../daemon/kit/http/http-server.js'
import { silentLog } from '../../../../daemon/kit/log.js'
import type { PieceStoreSettings } from '../../../../daemon/manager/config/manager-settings.js'
import { PIECE_STORE_PATH, pieceStoreHandler } from '../../../../daemon/manager/http/piece-store.js'
import { PieceStores } from '../../../../daemon/manager/storage/piece-stores.js'
import { managerMigrations } from '../../../../migrations/manager/index.js'
import { eventually } from '../../../harness/eventually.js'

const CID = 'baga6ea4seaqdze2m6jmh3q4ba54gc73croxc6kx64zrgoo3cnpxmd7kmnm2iedy'

describe('manager: the piece store', () => {
  let dir: string
  let server: HttpServer
  let origin: string
  let db: Knex
  let pieces: PieceStores

  const store = (name: string, ReadOnly = false): PieceStoreSettings => {
    mkdirSync(join(dir, name), { recursive: true })
    return { Name: name, Path: join(dir, name), Meta: undefined, ReadOnly, PluginName: '', Plugin: '' }
  }
  const open = async (stores: PieceStoreSettings[], market: string | undefined): Promise<void> => {
    pieces = new PieceStores({ stores, db, clock: systemClock, log: silentLog })
    server = new HttpServer(silentLog)
    server.route(PIECE_STORE_PATH, pieceStoreHandler(pieces, market, silentLog))
    const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
    origin = `http://127.0.0.1:${port}`
  }
  /** Without what marks the store. */
  const shown = (name: string): string[] => readdirSync(join(dir, name)).filter(file => !file.startsWith('.'))
  const get = (name: string, method = 'GET', body?: string): Promise<Response> =>
    fetch(`${origin}/piecestore/${name}`, { method, redirect: 'manual', ...(body !== undefined && { body }) })

  beforeEach(async () => {
    db = await openDatabase({ dsn: ':memory:', migrations: managerMigrations })
    dir = mkdtempSync(join(tmpdir(), 'pieces-'))
  })
  afterEach(async () => {
    await server.close()
    pieces.close()
    await db.destroy()
    rmSync(dir, { recursive: true, force: true })
  })

  it('gives what a store has, as it is or as a car, and else names the market', async () => {
    await open([store('a'), store('b')], 'http://market:41235')
    expect((await get(CID)).headers.get('location')).to.equal(`http://market:41235/resource?resource-id=${CID}`)
    writeFileSync(join(dir, 'b', `${CID}.car`), 'as a car')
    const found = await get(CID)
    expect([found.status, found.headers.get('content-type'), await found.text()]).to.deep.equal([
      200,
      'application/octet-stream',
      'as a car',
    ])
    writeFileSync(join(dir, 'a', CID), 'as it is')
    expect(await (await get(`${CID}.car`)).text()).to.equal('as it is')
  })

  it('without a market what is not there is not found', async () => {
    await open([store('a')], undefined)
    expect((await get(CID)).status).to.equal(404)
    expect((await get('nope')).status).to.equal(400)
    expect((await get('%zz')).status).to.equal(400)
    expect((await get(CID, 'HEAD')).status).to.equal(405)
  })

  it('takes pieces into the first store that can be written, whole or not at all', async () => {
    await open([store('a', true), store('b')], undefined)
    expect((await get(CID, 'PUT', 'bytes of a piece')).status).to.equal(200)
    expect(await (await get(CID)).text()).to.equal('bytes of a piece')
    expect(shown('b')).to.deep.equal([CID])
    expect((await get('%2e%2e%2fx', 'PUT', 'y')).status).to.equal(200)
    expect(readdirSync(dir).sort(), 'a name cannot leave the store').to.deep.equal(['a', 'b'])
    expect((await get('..', 'PUT', 'y')).status).to.not.equal(200)
  })

  it('sweeps what writes left that were killed long ago, and nothing else', async () => {
    await open([store('b')], undefined)
    const yesterday = new Date(Date.now() - 25 * 3_600_000)
    const dead = `${CID}.0b6f2f0e-2f1c-4d5f-9a55-0c8a8c6b2f11.partial`
    const fresh = `${CID}.1b6f2f0e-2f1c-4d5f-9a55-0c8a8c6b2f11.partial`
    for (const name of [dead, fresh, 'old.partial', 'old']) {
      writeFileSync(join(dir, 'b', name), 'half')
      if (name !== fresh) utimesSync(join(dir, 'b', name), yesterday, yesterday)
    }
    expect((await get(CID, 'PUT', 'now')).status).to.equal(200)
    const left = readdirSync(join(dir, 'b')).filter(name => /old|partial/.test(name))
    expect(left).to.have.members([fresh, 'old.partial', 'old'])
  })

  it('says when no store takes it', async () => {
    await open([store('a', true)], undefined)
    const answer = await get(CID, 'PUT', 'x')
    expect([answer.status, await answer.text()]).to.deep.equal([500, 'no piece store has room\n'])
  })

  it('takes a piece into the next store when one cannot be looked at', async () => {
    await open([{ ...store('a'), Path: join(dir, 'gone') }, store('b')], undefined)
    expect((await get(CID, 'PUT', 'x')).status).to.equal(200)
    expect(shown('b')).to.deep.equal([CID])
  })

  it('takes a piece in chunks that does not tell its size', async () => {
    await open([store('a', true), store('b')], undefined)
    const inChunks = { method: 'PUT', body: new Blob(['x'.repeat(3_000_000)]).stream(), duplex: 'half' } as RequestInit
    expect((await fetch(`${origin}/piecestore/${CID}`, inChunks)).status).to.equal(200)
    expect((await (await get(CID)).text()).length).to.equal(3_000_000)
    expect(shown('b')).to.deep.equal([CID])
  })

  it('keeps nothing of a piece whose sender goes away', async () => {
    await open([store('a')], undefined)
    for (const length of [undefined, 1_000_000]) {
      const sender = connect(Number(new URL(origin).port), '127.0.0.1')
      const size = length === undefined ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`
      sender.write(`PUT /piecestore/${CID} HTTP/1.1\r\nHost: x\r\n${size}\r\n\r\n`)
      sender.write(length === undefined ? '5\r\nhello\r\n' : 'hello')
      await eventually('a part of the piece is there', 10_000, async () =>
        readdirSync(join(dir, 'a')).find(name => name.endsWith('.partial')),
      )
      sender.destroy()
      await eventually('the part is gone', 10_000, async () => shown('a').length === 0 || undefined)
    }
    expect((await get(CID)).status).to.equal(404)
  })

  it('gives a part of a piece when it is asked for one', async () => {
    await open([store('a')], undefined)
    writeFileSync(join(dir, 'a', CID), '0123456789')
    const part = async (range: string): Promise<unknown[]> => {
      const answer = await fetch(`${origin}/piecestore/${CID}`, { headers: { range } })
      return [answer.status, answer.headers.get('content-range'), await answer.text()]
    }
    expect(await part('bytes=2-4')).to.deep.equal([206, 'bytes 2-4/10', '234'])
    expect(await part('bytes=7-')).to.deep.equal([206, 'bytes 7-9/10', '789'])
    expect(await part('bytes=-2')).to.deep.equal([206, 'bytes 8-9/10', '89'])
    expect(await part('bytes=10-')).to.deep.equal([416, 'bytes */10', ''])
    expect(await part('bytes=1-2,4-5')).to.deep.equal([200, null, '0123456789'])
  })

  it('does not write into a store that is not mounted any more', async () => {
    const stores = [store('a')]
    await open(stores, undefined)
    expect((await get(CID, 'PUT', 'x')).status).to.equal(200)
    // What an umount leaves: the empty directory.
    rmSync(join(dir, 'a'), { recursive: true })
    mkdirSync(join(dir, 'a'))
    const answer = await get(CID, 'PUT', 'y')
    expect(answer.status).to.equal(500)
    expect(await answer.text()).to.contain('is it mounted?')
    expect(readdirSync(join(dir, 'a'))).to.deep.equal([])
  })
})
