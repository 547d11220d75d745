import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { HttpServer } from '../../../../daemon/kit/http/http-server.js'
import { silentLog } from '../../../../daemon/kit/log.js'
import type { PieceStoreSettings } from '../../../../daemon/manager/config/manager-settings.js'
import { PIECE_STORE_PATH, pieceStoreHandler } from '../../../../daemon/manager/http/piece-store.js'
import { PieceStores } from '../../../../daemon/manager/storage/piece-stores.js'

const CID = 'baga6ea4seaqdze2m6jmh3q4ba54gc73croxc6kx64zrgoo3cnpxmd7kmnm2iedy'

describe('manager: the piece store', () => {
  let dir: string
  let server: HttpServer
  let origin: string

  const store = (name: string, ReadOnly = false): PieceStoreSettings => {
    mkdirSync(join(dir, name), { recursive: true })
    return { Name: name, Path: join(dir, name), Meta: undefined, ReadOnly, PluginName: '', Plugin: '' }
  }
  const open = async (stores: PieceStoreSettings[], market: string | undefined): Promise<void> => {
    server = new HttpServer(silentLog)
    server.route(PIECE_STORE_PATH, pieceStoreHandler(new PieceStores(stores), market, silentLog))
    const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
    origin = `http://127.0.0.1:${port}`
  }
  const get = (name: string, method = 'GET', body?: string): Promise<Response> =>
    fetch(`${origin}/piecestore/${name}`, { method, redirect: 'manual', ...(body !== undefined && { body }) })

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'pieces-'))
  })
  afterEach(async () => {
    await server.close()
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
    expect(readdirSync(join(dir, 'b'))).to.deep.equal([CID])
    expect((await get('%2e%2e%2fx', 'PUT', 'y')).status).to.equal(200)
    expect(readdirSync(dir).sort(), 'a name cannot leave the store').to.deep.equal(['a', 'b'])
    expect((await get('..', 'PUT', 'y')).status).to.not.equal(200)
  })

  it('says when no store takes it', async () => {
    await open([store('a', true)], undefined)
    const answer = await get(CID, 'PUT', 'x')
    expect([answer.status, await answer.text()]).to.deep.equal([500, 'no piece store has room\n'])
  })

  it('takes a piece into the next store when one cannot be looked at', async () => {
    await open([{ ...store('a'), Path: join(dir, 'gone') }, store('b')], undefined)
    expect((await get(CID, 'PUT', 'x')).status).to.equal(200)
    expect(readdirSync(join(dir, 'b'))).to.deep.equal([CID])
  })

  it('takes no piece that does not tell its size', async () => {
    await open([store('a')], undefined)
    const inChunks = { method: 'PUT', body: new Blob(['x']).stream(), duplex: 'half' } as RequestInit
    expect((await fetch(`${origin}/piecestore/${CID}`, inChunks)).status).to.equal(500)
    expect(readdirSync(join(dir, 'a'))).to.deep.equal([])
  })
})
