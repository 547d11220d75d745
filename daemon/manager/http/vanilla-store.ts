import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import {
  MOST_CHUNK_BYTES,
  VANILLA_DIGEST,
  VANILLA_ROUTE,
  vanillasIn,
} from '../../../rpc-schema/manager/vanilla-chunk.js'
import type { HttpHandler } from '../../kit/http/http-server.js'
import { withDeadline } from '../concurrency/deadline.js'
import type { Received, SplitProofs } from '../post/provers/worker-prover/split-proofs.js'

const SENDER_LIMIT_MS = 60_000

/** What a sender is told; 4xx: sending it again does not help. */
const ANSWERS: Readonly<Record<Received, readonly [status: number, text: string]>> = {
  kept: [200, 'kept'],
  'unknown job': [404, 'no such job that reads'],
  'not wanted': [410, 'the job is over'],
  'not of this job': [400, 'expected vanilla proofs of sectors of the job'],
}

/** What workers have read for window proofs: `PUT <job id>` brings a chunk of it, `GET <chunk id>` gives it to who proves. */
export function vanillaStoreHandler(store: Pick<SplitProofs, 'receive' | 'content'>): HttpHandler {
  return async (request, response) => {
    const id = decodeURIComponent((request.url ?? '').split('?', 1)[0]!.slice(VANILLA_ROUTE.length))
    const answer = (status: number, text: string): void =>
      void response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`)
    if (request.method === 'GET') {
      const content = await store.content(id)
      if (content === undefined) return answer(404, `nothing that was read has the id ${id}`)
      const headers = { 'content-type': 'application/octet-stream', 'content-length': content.length }
      return void response.writeHead(200, { ...headers, [VANILLA_DIGEST]: id }).end(content)
    }
    if (request.method !== 'PUT') return answer(405, 'GET or PUT')
    const content = await body(request)
    if (content === undefined) {
      response.setHeader('connection', 'close')
      return answer(413, `expected at most ${MOST_CHUNK_BYTES} bytes`)
    }
    const digest = createHash('sha256').update(content).digest('hex')
    if (request.headers[VANILLA_DIGEST] !== digest)
      return answer(422, `${VANILLA_DIGEST} is not the SHA-256 of what came: it was damaged on its way`)
    try {
      vanillasIn(content)
    } catch (error) {
      return answer(400, (error as Error).message)
    }
    answer(...ANSWERS[await store.receive(id, digest, content)])
  }
}

/** Undefined when it is larger than a chunk may be. */
async function body(request: IncomingMessage): Promise<Buffer | undefined> {
  const parts: Buffer[] = []
  let bytes = 0
  const chunks = request[Symbol.asyncIterator]()
  for (;;) {
    const next = await withDeadline('the next bytes of what was read', SENDER_LIMIT_MS, chunks.next())
    if (next.done) return Buffer.concat(parts)
    bytes += (next.value as Buffer).length
    if (bytes > MOST_CHUNK_BYTES) return undefined
    parts.push(next.value as Buffer)
  }
}
