import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { copyFile, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import type http from 'node:http'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { CID } from 'multiformats/cid'

/** The bytes of the pieces that the market has, one file each, named by the piece's CID. */
export class PieceFiles {
  readonly #dir: string

  constructor(dir: string) {
    this.#dir = dir
  }

  path(piece: CID): string {
    return join(this.#dir, piece.toString())
  }

  /** Takes the bytes in under a name of their own until `keep` gives them their CID's. */
  async take(source: { data: Uint8Array } | { path: string }): Promise<{ path: string; bytes: number }> {
    await mkdir(this.#dir, { recursive: true })
    const path = join(this.#dir, `incoming-${randomUUID()}`)
    if ('data' in source) await writeFile(path, source.data)
    else await copyFile(source.path, path)
    return { path, bytes: (await stat(path)).size }
  }

  async keep(path: string, piece: CID): Promise<void> {
    await rename(path, this.path(piece))
  }

  async drop(path: string): Promise<void> {
    await rm(path, { force: true })
  }

  /** `GET …?resource-id=<piece CID>`: the bytes. */
  async serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const refuse = (status: number, why: string): void =>
      void response.writeHead(status, { 'content-type': 'text/plain' }).end(`${why}\n`)
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(405, 'GET only')
    const id = new URL(request.url ?? '/', 'http://market').searchParams.get('resource-id') ?? ''
    let piece: CID
    try {
      piece = CID.parse(id)
    } catch {
      return refuse(400, `resource-id ${JSON.stringify(id)} is not a CID`)
    }
    const found = await stat(this.path(piece)).catch(() => undefined)
    if (found === undefined) return refuse(404, `no piece ${piece}`)
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': found.size })
    if (request.method === 'HEAD') return void response.end()
    await pipeline(createReadStream(this.path(piece)), response)
  }
}
