import { createHash } from 'node:crypto'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'chai'
import { putFile } from '../../../../daemon/worker/plans/steps/unseal-http-put.js'
import { SealError } from '../../../../rpc-schema/seal-error.js'
import { FakeClock } from '../support/fake-clock.js'
import { PieceServer } from '../support/piece-server.js'

const BYTES = 64 << 20

describe('the upload of a big piece', () => {
  let dir: string
  let file: string
  let hash: string
  let server: PieceServer
  const clock = new FakeClock()

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'put-'))
    file = join(dir, 'piece')
    const digest = createHash('sha256')
    await using handle = await open(file, 'w')
    for (let at = 0; at < 64; at += 1) {
      const part = Buffer.alloc(1 << 20, at)
      digest.update(part)
      await handle.write(part)
    }
    hash = digest.digest('hex')
  })
  after(() => rm(dir, { recursive: true, force: true }))
  beforeEach(async () => {
    server = await PieceServer.start()
  })
  afterEach(() => server.close())

  const put = (more: { signal?: AbortSignal; onBytes?: (sent: number) => void } = {}) =>
    putFile(new URL(`http://${server.host}/x`), file, {
      bytes: BYTES,
      clock,
      signal: new AbortController().signal,
      ...more,
    })

  it('goes no faster than the server takes it', async () => {
    let release = (): void => {}
    const held = new Promise<void>(resolve => {
      release = resolve
    })
    const digest = createHash('sha256')
    let asked = false
    server.script(async (request, response) => {
      asked = true
      await held
      for await (const part of request) digest.update(part)
      response.writeHead(201).end()
    })
    let sent = 0
    const answer = put({
      onBytes: bytes => {
        sent = bytes
      },
    })
    // Until nothing moves any more: what has left by then lies in the buffers of the two sockets.
    for (let before = -1; !asked || sent !== before; ) {
      before = sent
      await delay(100)
    }
    expect(sent).to.be.below(BYTES / 2)
    release()
    expect(await answer).to.deep.equal({ status: 201, text: '' })
    expect(sent).to.equal(BYTES)
    expect(digest.digest('hex')).to.equal(hash)
  })

  it('ends when the server refuses it before it has everything', async () => {
    server.script((_, response) => void response.writeHead(413).end('too big'))
    let sent = 0
    const answer = await put({
      onBytes: bytes => {
        sent = bytes
      },
    })
    expect(answer).to.deep.equal({ status: 413, text: 'too big' })
    expect(sent).to.be.below(BYTES)
  })

  it('is tried again when the server goes away in the middle', async () => {
    server.script(request => {
      request.once('data', () => request.socket.destroy())
    })
    const error = await put().catch(error => error)
    expect(error).to.be.instanceOf(SealError).and.to.include({ class: 'temporary' })
  })

  it('ends when the worker stops', async () => {
    const stop = new AbortController()
    server.script(() => stop.abort(new Error('stopped')))
    const error = await put({ signal: stop.signal }).catch(error => error)
    expect(error.message).to.equal('stopped')
  })

  it('says so when the file cannot be read', async () => {
    await rm(file)
    const error = await put().catch(error => error)
    expect(error)
      .to.be.instanceOf(SealError)
      .and.to.include({ class: 'permanent', message: `cannot read ${file}` })
  })
})
