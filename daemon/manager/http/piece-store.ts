import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { CID } from 'multiformats/cid'
import type { HttpHandler } from '../../kit/http/http-server.js'
import type { Logger } from '../../kit/log.js'
import { withDeadline } from '../concurrency/deadline.js'
import { NoPieceStoreError, type OpenPiece, type PieceStores } from '../storage/piece-stores.js'
import { byteRange } from './byte-range.js'

export const PIECE_STORE_PATH = '/piecestore/'

const SENDER_LIMIT_MS = 60_000

const NAME = /^[A-Za-z0-9._-]+$/

/** `/piecestore/<cid>`: a piece from the local stores, else the market's address of it; PUT puts one into a local store. */
export function pieceStoreHandler(stores: PieceStores, marketOrigin: string | undefined, log: Logger): HttpHandler {
  return async (request, response) => {
    const path = (request.url ?? '').split('?', 1)[0]!.slice(PIECE_STORE_PATH.length)
    const refuse = (status: number, text: string): void =>
      void response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`)
    const name = decoded(path)?.replaceAll('/', '').trim()
    if (name === undefined) return refuse(400, `${path} is not the name of a piece`)
    if (request.method === 'PUT') {
      if (!NAME.test(name) || /^\.+$/.test(name))
        return refuse(400, `${JSON.stringify(name)} is not the name of a piece`)
      const length = request.headers['content-length']
      try {
        await stores.put(name, withinTime(request), length === undefined ? undefined : Number(length))
        return void response.writeHead(200).end()
      } catch (error) {
        if (!(error instanceof NoPieceStoreError)) log.error({ err: error, piece: name }, 'piece not stored')
        // What is left of the content is not read.
        response.setHeader('connection', 'close')
        return refuse(500, (error as Error).message)
      }
    }
    if (request.method !== 'GET') return refuse(405, 'GET or PUT')
    const cid = cidOf(name.replace(/\.car$/, ''))
    if (cid === undefined) return refuse(400, `cast ${name} to cid: not a CID`)
    const piece = await stores.open(cid).catch((error: unknown) => {
      // A store that does not answer may have it; the market may, too.
      if (marketOrigin === undefined) throw error
      return undefined
    })
    if (piece === undefined) {
      if (marketOrigin === undefined) return refuse(404, `piece ${cid} is in no local store`)
      const location = `${marketOrigin}/resource?resource-id=${encodeURIComponent(cid)}`
      return void response.writeHead(302, { location }).end()
    }
    await give(piece, request, response)
  }
}

async function give(piece: OpenPiece, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { sizeBytes } = piece
  const range = byteRange(request.headers.range, sizeBytes)
  if (range.kind === 'unsatisfiable')
    return void response.writeHead(416, { 'content-range': `bytes */${sizeBytes}` }).end()
  const { offset, length } = range.kind === 'part' ? range : { offset: 0, length: sizeBytes }
  // Before the head: a store that does not answer is an error the caller can see.
  const content = length === 0 ? undefined : await piece.stream(offset, length)
  response.writeHead(range.kind === 'part' ? 206 : 200, {
    'content-type': 'application/octet-stream',
    'content-length': length,
    'accept-ranges': 'bytes',
    ...(range.kind === 'part' && { 'content-range': `bytes ${offset}-${offset + length - 1}/${sizeBytes}` }),
  })
  if (content === undefined) return void response.end()
  await pipeline(content, response)
}

/** A sender that stops half-way does not hold a store open for ever. */
async function* withinTime(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const chunks = content[Symbol.asyncIterator]()
  for (;;) {
    const next = await withDeadline('the next bytes of the piece', SENDER_LIMIT_MS, chunks.next())
    if (next.done) return
    yield next.value
  }
}

function cidOf(text: string): string | undefined {
  try {
    return CID.parse(text).toString()
  } catch {
    return undefined
  }
}

function decoded(path: string): string | undefined {
  try {
    return decodeURIComponent(path)
  } catch {
    return undefined
  }
}
