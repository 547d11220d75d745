import { createHash, timingSafeEqual } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { errorText } from '../../../../rpc-schema/seal-error.js'
import type { FilesNeeded } from '../../../../rpc-schema/stages/kinds.js'
import { parseSectorName } from '../../../../rpc-schema/wire/sector-id.js'
import type { HttpHandler } from '../../../kit/http/http-server.js'
import { listFiles } from '../sector-files.js'
import type { StagePaths } from '../stage-paths.js'

/** Below it: `<path id>/<sector>?proof=N&need=all` lists files, with `&file=F` and a `Range` one of them is read. */
export const FILES_ROUTE = '/stage-files/'
/** Trailer of a part: SHA-256 of its bytes as they were read. */
export const DIGEST_TRAILER = 'x-content-sha256'

const NEEDS: ReadonlySet<string> = new Set<FilesNeeded>(['all', 'outputs', 'sealed'])

/** Lets other workers fetch the files of sectors from the paths of this one. */
export function serveFiles(paths: StagePaths, token: string): HttpHandler {
  return async (request, response) => {
    if (!isAllowed(request, token)) return refuse(response, 401, 'not allowed')
    const url = new URL(request.url ?? '/', 'http://worker')
    const [id = '', name = ''] = url.pathname.slice(FILES_ROUTE.length).split('/').map(decodeURIComponent)
    const need = url.searchParams.get('need') ?? ''
    const proof = Number(url.searchParams.get('proof') ?? Number.NaN)
    if (!NEEDS.has(need) || !Number.isSafeInteger(proof)) return refuse(response, 400, 'expected proof and need')
    const path = (await paths.open()).find(found => found.id === id)
    if (path === undefined) return refuse(response, 404, `no path ${id}`)
    try {
      const sector = { ID: parseSectorName(name), ProofType: proof }
      const listed = await listFiles(path.root, sector, need as FilesNeeded)
      const wanted = url.searchParams.get('file')
      if (wanted === null) {
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(listed))
        return
      }
      // Only what is in the list is read, whatever the request says.
      const entry = listed.find(({ file }) => file === wanted)
      if (entry === undefined) return refuse(response, 404, `no file ${wanted}`)
      await sendPart(request, response, join(path.root, entry.file))
    } catch (error) {
      if (response.headersSent) response.destroy()
      else refuse(response, 404, errorText(error))
    }
  }
}

async function sendPart(request: IncomingMessage, response: ServerResponse, file: string): Promise<void> {
  const match = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')
  const { size } = await stat(file)
  const [start, end] = [Number(match?.[1]), Math.min(Number(match?.[2]), size - 1)]
  if (match === null || start > end) return refuse(response, 416, `expected a range within ${size} bytes`)
  response.writeHead(206, {
    'content-type': 'application/octet-stream',
    'content-range': `bytes ${start}-${end}/${size}`,
    trailer: DIGEST_TRAILER,
  })
  const hash = createHash('sha256')
  const source = createReadStream(file, { start, end })
  source.on('data', chunk => hash.update(chunk))
  await pipeline(source, response, { end: false })
  response.addTrailers({ [DIGEST_TRAILER]: hash.digest('hex') })
  response.end()
}

function isAllowed(request: IncomingMessage, token: string): boolean {
  const given = Buffer.from(request.headers.authorization ?? '')
  const expected = Buffer.from(`Bearer ${token}`)
  return given.length === expected.length && timingSafeEqual(given, expected)
}

const refuse = (response: ServerResponse, status: number, why: string): void =>
  void response.writeHead(status, { 'content-type': 'text/plain' }).end(`${why}\n`)
