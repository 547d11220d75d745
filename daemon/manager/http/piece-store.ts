import { pipeline } from 'node:stream/promises'
import { CID } from 'multiformats/cid'
import type { HttpHandler } from '../../kit/http/http-server.js'
import type { Logger } from '../../kit/log.js'
import { NoPieceStoreError, type PieceStores } from '../storage/piece-stores.js'

export const PIECE_STORE_PATH = '/piecestore/'

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
      const length = Number(request.headers['content-length'] ?? Number.POSITIVE_INFINITY)
      try {
        // A piece that comes in chunks may be of any size, and no store has room for that.
        await stores.put(name, request, length)
        return void response.writeHead(200).end()
      } catch (error) {
        if (!(error instanceof NoPieceStoreError)) log.error({ err: error, piece: name }, 'piece not stored')
        return refuse(500, (error as Error).message)
      }
    }
    if (request.method !== 'GET') return refuse(405, 'GET or PUT')
    const cid = cidOf(name.replace(/\.car$/, ''))
    if (cid === undefined) return refuse(400, `cast ${name} to cid: not a CID`)
    const piece = await stores.open(cid)
    if (piece === undefined) {
      if (marketOrigin === undefined) return refuse(404, `piece ${cid} is in no local store`)
      const location = `${marketOrigin}/resource?resource-id=${encodeURIComponent(cid)}`
      return void response.writeHead(302, { location }).end()
    }
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': piece.sizeBytes })
    await pipeline(piece.stream(), response)
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
