import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { expect } from 'chai'
import { HttpServer } from '../../../../daemon/kit/http/http-server.js'
import { silentLog } from '../../../../daemon/kit/log.js'
import { tokensOf } from '../../../../daemon/manager/access/token-secret.js'
import { vanillaStoreHandler } from '../../../../daemon/manager/http/vanilla-store.js'
import type { Received } from '../../../../daemon/manager/post/provers/worker-prover/split-proofs.js'
import {
  MOST_CHUNK_BYTES,
  VANILLA_DIGEST,
  VANILLA_ROUTE,
  vanillaRecord,
} from '../../../../rpc-schema/manager/vanilla-chunk.js'
import { ManagerBench } from '../manager-bench.js'

const CHUNK = Uint8Array.from(vanillaRecord({ sector: 7, vanilla: new Uint8Array(40).fill(3) }))
const digest = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex')

describe('what was read for window proofs, over HTTP', () => {
  let http: HttpServer
  let origin: string
  let answer: Received
  const received: { job: string; id: string; content: Uint8Array }[] = []

  before(async () => {
    const store = {
      receive: async (job: string, id: string, content: Uint8Array) => {
        received.push({ job, id, content })
        return answer
      },
      content: async (id: string) => (id === digest(CHUNK) ? CHUNK : undefined),
    }
    http = new HttpServer(silentLog).route(VANILLA_ROUTE, vanillaStoreHandler(store))
    const { port } = await http.listen({ host: '127.0.0.1', port: 0 })
    origin = `http://127.0.0.1:${port}`
  })
  after(() => http.close())
  beforeEach(() => {
    answer = 'kept'
    received.splice(0)
  })

  async function put(content: Uint8Array<ArrayBuffer>, sent = digest(content), job = 'p-r1'): Promise<string> {
    const headers = { [VANILLA_DIGEST]: sent }
    const response = await fetch(`${origin}${VANILLA_ROUTE}${job}`, { method: 'PUT', headers, body: content })
    return `${response.status} ${(await response.text()).trim()}`
  }

  it('is taken with its digest, by the job and the digest', async () => {
    expect(await put(CHUNK)).to.equal('200 kept')
    expect(received).to.have.length(1)
    expect(received[0]).to.deep.include({ job: 'p-r1', id: digest(CHUNK) })
    expect([...received[0]!.content]).to.deep.equal([...CHUNK])
  })

  for (const [became, status] of [
    ['unknown job', 404],
    ['not wanted', 410],
    ['not of this job', 400],
  ] as const)
    it(`${became}: ${status}`, async () => {
      answer = became
      expect(await put(CHUNK)).to.match(new RegExp(`^${status} .+`))
    })

  it('damaged, too large or no chunk at all: nothing of it is taken', async () => {
    expect(await put(CHUNK, digest(Uint8Array.of(1)))).to.match(/^422 .*damaged on its way/)
    expect(await put(CHUNK.slice(0, -1))).to.match(/^400 not a chunk of vanilla proofs: no record at byte 0/)
    expect(await put(Uint8Array.from([...CHUNK, 1]))).to.match(/^400 .*record's head, at byte 52/)
    expect(await put(new Uint8Array(MOST_CHUNK_BYTES + 1)).catch(() => '413')).to.match(/^413/)
    expect(received).to.deep.equal([])
  })

  it('is given by its id, whole', async () => {
    const response = await fetch(`${origin}${VANILLA_ROUTE}${digest(CHUNK)}`)
    expect([response.status, response.headers.get(VANILLA_DIGEST)]).to.deep.equal([200, digest(CHUNK)])
    expect([...new Uint8Array(await response.arrayBuffer())]).to.deep.equal([...CHUNK])
    expect((await fetch(`${origin}${VANILLA_ROUTE}none`)).status).to.equal(404)
    expect((await fetch(`${origin}${VANILLA_ROUTE}none`, { method: 'DELETE' })).status).to.equal(405)
  })
})

describe('manager: what was read for window proofs', function () {
  this.timeout(120_000)
  let bench: ManagerBench

  before(async () => {
    const commonConfig = '[Common.Access]\nRequireToken = true\n[Common.Proving.WorkerProver]\nSplit = true'
    bench = await new ManagerBench({ commonConfig, windowProofs: 'workers' }).start()
  })
  after(() => bench?.stop())

  it('is for who may write', async () => {
    const tokens = tokensOf(join(bench.dir, 'manager'))
    const status = async (method: string, token?: string): Promise<number> => {
      const url = `http://${bench.manager.address}${VANILLA_ROUTE}none`
      const headers = {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        [VANILLA_DIGEST]: digest(CHUNK),
      }
      const body = method === 'PUT' ? { body: CHUNK } : {}
      return (await fetch(url, { method, headers, ...body })).status
    }
    for (const method of ['GET', 'PUT']) {
      expect(await status(method)).to.equal(401)
      expect(await status(method, tokens.issue(['read']))).to.equal(403)
      expect(await status(method, tokens.issue(['read', 'write']))).to.equal(404)
    }
  })
})
