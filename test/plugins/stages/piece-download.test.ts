import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import { type DownloadOptions, downloadPiece } from '../../../plugins/stages/piece-download.js'
import { failureOf } from './context.js'

const CONTENT = randomBytes(300_000)

describe('download of a piece', () => {
  let root: string
  let server: Server
  let url: string
  let ranges: (string | undefined)[]
  let answer: (request: IncomingMessage, response: ServerResponse) => void

  before(async () => {
    server = createServer((request, response) => {
      ranges.push(request.headers.range)
      answer(request, response)
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/piece`
  })
  after(() => {
    server.closeAllConnections()
    server.close()
  })
  beforeEach(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'sealyard-download-'))
    ranges = []
    breaking = []
  })
  afterEach(() => rm(root, { recursive: true, force: true }))

  const file = () => path.join(root, 'piece')
  let told: number
  /** Connections that break as soon as so many bytes have arrived: before that the client might lose some of them. */
  let breaking: { response: ServerResponse; after: number }[]
  function download(options: Partial<DownloadOptions> = {}): Promise<void> {
    told = 0
    const onBytes = (bytes: number): void => {
      told += bytes
      for (const { response, after } of breaking) if (told >= after) response.destroy()
    }
    return downloadPiece(url, file(), CONTENT.length, { token: undefined, pauseMs: 1, onBytes, ...options })
  }

  /** Sends from `from` to `to` of what it promised, then breaks the connection. */
  function sendAndBreak(response: ServerResponse, from: number, to: number, content = CONTENT): void {
    breaking.push({ response, after: to })
    response.write(content.subarray(from, to))
  }
  const partial = (response: ServerResponse, from: number, headers: Record<string, string> = {}) =>
    response.writeHead(206, { 'content-range': `bytes ${from}-${CONTENT.length - 1}/${CONTENT.length}`, ...headers })
  const firstByte = (request: IncomingMessage): number =>
    Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)

  it('goes on where the connection broke', async () => {
    answer = (request, response) => {
      const from = firstByte(request)
      if (from > 0) partial(response, from)
      else response.writeHead(200, { 'content-length': `${CONTENT.length}` })
      if (from < 200_000) sendAndBreak(response, from, from + 100_000)
      else response.end(CONTENT.subarray(from))
    }
    await download()
    expect((await readFile(file())).equals(CONTENT)).to.equal(true)
    expect(told).to.equal(CONTENT.length)
    expect(ranges[0]).to.equal(undefined)
    expect(ranges.length).to.be.greaterThan(2)
    for (const range of ranges.slice(1)) expect(range).to.match(/^bytes=[1-9]\d*-$/)
  })

  it('begins anew when the server gives no ranges, or has something else by now', async () => {
    const old = randomBytes(CONTENT.length)
    const seen: (string | undefined)[] = []
    const cases: ((from: number, request: IncomingMessage, response: ServerResponse) => void)[] = [
      (_, __, response) => response.writeHead(200).end(CONTENT),
      (from, request, response) => {
        seen.push(request.headers['if-range'] as string | undefined)
        if (from === 0) response.writeHead(200, { etag: '"new"' }).end(CONTENT)
        else partial(response, from, { etag: '"new"' }).end(CONTENT.subarray(from))
      },
      (from, _, response) => {
        if (from === 0) response.writeHead(200, { etag: '"old"' }).end(CONTENT)
        else partial(response, from + 7, { etag: '"old"' }).end(CONTENT.subarray(from))
      },
    ]
    for (const later of cases) {
      let first = true
      answer = (request, response) => {
        if (!first) return later(firstByte(request), request, response)
        first = false
        response.writeHead(200, { 'content-length': `${CONTENT.length}`, etag: '"old"' })
        sendAndBreak(response, 0, 100_000, old)
      }
      breaking = []
      await download()
      expect((await readFile(file())).equals(CONTENT)).to.equal(true)
      expect(told, 'nothing is counted twice').to.equal(CONTENT.length)
    }
    expect(seen[0]).to.equal('"old"')
  })

  it('outlives a server that is away for a moment, but not for ever', async () => {
    let asked = 0
    answer = (request, response) => {
      asked += 1
      const from = firstByte(request)
      if (asked === 1) sendAndBreak(response.writeHead(200, { 'content-length': `${CONTENT.length}` }), 0, 1000)
      else if (asked < 4) response.writeHead(503).end()
      else partial(response, from).end(CONTENT.subarray(from))
    }
    await download()
    expect((await readFile(file())).equals(CONTENT)).to.equal(true)

    asked = 0
    breaking = []
    answer = (_, response) => {
      asked += 1
      if (asked === 1) sendAndBreak(response.writeHead(200, { 'content-length': `${CONTENT.length}` }), 0, 1000)
      else response.destroy()
    }
    const error = await failureOf(download())
    expect(error.class).to.equal('temporary')
    expect(error.message).to.match(/^fetch .* \(it broke after 1000 of 300000 bytes\)$/)
    expect(asked).to.equal(6)
    expect(await readdir(root)).to.deep.equal([])
  })

  it('gives up a server that sends nothing any more', async () => {
    answer = (_, response) => {
      response.writeHead(200).flushHeaders()
    }
    const error = await failureOf(download({ idleMs: 50 }))
    expect([error.class, error.message]).to.deep.equal(['temporary', `fetch ${url}`])
    expect((error.cause as Error).message).to.equal('no byte for 50 ms')
  })
})
