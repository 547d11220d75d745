import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import { ProofsError } from '../../../plugins/prover/errors.js'
import { addPieces } from '../../../plugins/stages/add-pieces.js'
import type { StageContext } from '../../../plugins/stages/stage-context.js'
import { zeroCommitment } from '../../../plugins/stages/zero-commitment.js'
import type { StageTask } from '../../../rpc-schema/processor/stages.js'
import { fromHex, toHex } from '../../../rpc-schema/wire/bytes.js'
import { failureOf, fakeProver, stageContext } from './context.js'

/** 2 KiB, V1_1. */
const SEAL_PROOF = 5
const PAYLOAD = Buffer.alloc(1000, 'payload ')

type PieceTask = StageTask<'add_pieces'>['pieces'][number]

describe('stage add_pieces', () => {
  let root: string
  let staged: string
  let server: Server
  let origin: string
  let requests: { url: string; headers: IncomingHttpHeaders }[]
  let answer: (url: string) => { status: number; headers?: Record<string, string>; body?: Buffer | string }

  before(async () => {
    server = createServer((request, response) => {
      requests.push({ url: request.url!, headers: request.headers })
      const { status, headers, body } = answer(request.url!)
      response.writeHead(status, headers).end(body)
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  after(() => {
    server.closeAllConnections()
    server.close()
  })

  beforeEach(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'sealyard-pieces-'))
    staged = path.join(root, 'unsealed', 's-t01000-1')
    requests = []
    answer = () => ({ status: 404, body: 'no such piece' })
  })
  afterEach(() => rm(root, { recursive: true, force: true }))

  /** Runs the stage with a prover that only notes what it was given. */
  async function add(pieces: PieceTask[], context: Partial<StageContext> = {}) {
    const given: { data: Buffer | undefined; size: number; existing: readonly number[] }[] = []
    const prover = fakeProver({
      addPiece: async request => {
        given.push({
          data:
            request.dataPath === undefined
              ? undefined
              : (await readFile(request.dataPath)).subarray(0, request.dataBytes),
          size: request.size,
          existing: request.existingPieceSizes,
        })
        return {
          piece: { commitment: new Uint8Array(32).fill(given.length), size: request.size },
          bytesWritten: request.size,
        }
      },
    })
    const task = { seal_proof_type: SEAL_PROOF, pieces, staged_filepath: staged }
    const output = await addPieces(task, stageContext({ prover, ...context }))
    expect((await readdir(path.dirname(staged))).sort(), 'nothing but the staged file stays').to.deep.equal([
      path.basename(staged),
    ])
    return { output, given }
  }
  const fromUrl = (url: string): PieceTask => ({ piece_file: { url }, payload_size: PAYLOAD.length, piece_size: 1016 })

  it('makes a sector of zeros when there are no pieces, with the commitment of zeros', async () => {
    const { output } = await add([])
    expect((await stat(staged)).size).to.equal(2048)
    expect(output.map(each => [toHex(each.commitment), each.size])).to.deep.equal([
      ['fc7e928296e516faade986b28f92d44a4f24b935485223376a799027bc18f833', 2032],
    ])
  })

  it('knows the commitment of zeros of every sector size', () => {
    // Unsealed commitments of empty sectors on the network, 32 and 64 GiB.
    expect(toHex(zeroCommitment(2 ** 35))).to.equal('077e5fde35c50a9303a55009e3498a4ebedff39c42b710b730d8ec7ac7afa63e')
    expect(zeroCommitment(2 ** 36)).to.deep.equal(
      fromHex('e64005a6bfe3777953b8ad6ef93f0fca1049b2041654f2a411f7702799cece02'),
    )
  })

  it('hands over local files and pledges, each with the sizes of those before it', async () => {
    const local = path.join(root, 'piece.car')
    await writeFile(local, PAYLOAD)
    const { output, given } = await add([
      { piece_file: { local }, payload_size: PAYLOAD.length, piece_size: 1016 },
      { piece_file: 'pledge', payload_size: 0, piece_size: 1016 },
    ])
    expect(given).to.deep.equal([
      { data: PAYLOAD, size: 1016, existing: [] },
      { data: undefined, size: 1016, existing: [1016] },
    ])
    expect(output.map(each => [each.commitment[0], each.size])).to.deep.equal([
      [1, 1016],
      [2, 1016],
    ])
    expect(await readFile(local)).to.deep.equal(PAYLOAD)
  })

  it('takes no more than the payload of a longer file', async () => {
    const local = path.join(root, 'piece.car')
    await writeFile(local, Buffer.concat([PAYLOAD, Buffer.from('more')]))
    const { given } = await add([{ piece_file: { local }, payload_size: PAYLOAD.length, piece_size: 1016 }])
    expect(given[0]!.data).to.deep.equal(PAYLOAD)
  })

  it('refuses a payload that does not fit, a file that is too short, one that is not there', async () => {
    const local = path.join(root, 'piece.car')
    await writeFile(local, PAYLOAD)
    const messageOf = async (piece: PieceTask) => (await failureOf(add([piece]))).message
    expect(await messageOf({ piece_file: { local }, payload_size: 2000, piece_size: 1016 })).to.contain(
      'payload size larger than target size',
    )
    expect(await messageOf({ piece_file: { local }, payload_size: 1010, piece_size: 1016 })).to.contain('1000 bytes')
    expect(await messageOf({ piece_file: { local: '/nope' }, payload_size: 1000, piece_size: 1016 })).to.contain(
      '/nope',
    )
    expect(await messageOf({ piece_file: { local: root }, payload_size: 1000, piece_size: 1016 })).to.contain(
      'not a regular file',
    )
  })

  it('fetches a URL without the token', async () => {
    answer = () => ({ status: 200, body: PAYLOAD })
    const { given } = await add([fromUrl(`${origin}/piecestore/baga`)], { env: { PIECE_FETCHER_TOKEN: 'secret' } })
    expect(given[0]!.data).to.deep.equal(PAYLOAD)
    expect(requests.map(({ url, headers }) => [url, headers.authorization])).to.deep.equal([
      ['/piecestore/baga', undefined],
    ])
  })

  it('follows redirects by hand, with the token and the market’s name space', async () => {
    answer = url => {
      if (url === '/piecestore/baga') return { status: 302, headers: { location: '/resource?resource-id=baga' } }
      if (url === '/resource?resource-id=baga') return { status: 307, headers: { location: `${origin}/data` } }
      return { status: 200, body: PAYLOAD }
    }
    const { given } = await add([fromUrl(`${origin}/piecestore/baga`)], { env: { PIECE_FETCHER_TOKEN: 'secret' } })
    expect(given[0]!.data).to.deep.equal(PAYLOAD)
    const seen = requests.map(({ url, headers }) => [url, headers.authorization, headers['x-venus-api-namespace']])
    expect(seen).to.deep.equal([
      ['/piecestore/baga', undefined, undefined],
      ['/resource?resource-id=baga', 'Bearer secret', 'v1.IMarket'],
      ['/data', 'Bearer secret', 'v1.IMarket'],
    ])
  })

  it('classes what can go wrong on the way', async () => {
    const url = `${origin}/piece`
    const failure = async () => {
      const error = await failureOf(add([fromUrl(url)]))
      return [error.class, error.message]
    }
    expect(await failure()).to.deep.equal(['permanent', `fetch ${url}: status 404: no such piece`])
    answer = () => ({ status: 503 })
    expect(await failure()).to.deep.equal(['temporary', `fetch ${url}: status 503`])
    answer = () => ({ status: 200, body: PAYLOAD.subarray(0, 600) })
    expect(await failure()).to.deep.equal(['temporary', `${url} ended after 600 of 1000 bytes`])
    answer = () => ({ status: 302, headers: { location: url } })
    expect((await failure())[1]).to.contain('more than 10 redirects')
    answer = () => ({ status: 302, headers: { location: 'file:///etc/passwd' } })
    expect((await failure())[1]).to.contain('not an HTTP address')
    const refused = await failureOf(add([fromUrl('http://127.0.0.1:1/x')]))
    expect(refused.class).to.equal('temporary')
    expect(await readdir(path.dirname(staged))).to.deep.equal([path.basename(staged)])
  })

  it('keeps the token from whoever the market redirects to', async () => {
    const seen: [string, string | undefined][] = []
    const elsewhere = createServer((request, response) => {
      seen.push([request.url!, request.headers.authorization])
      if (request.url === '/bucket') response.end(PAYLOAD)
      else response.writeHead(302, { location: `http://localhost:${port(store)}/bucket` }).end()
    })
    const store = createServer((request, response) => {
      seen.push([request.url!, request.headers.authorization])
      response.end(PAYLOAD)
    })
    const port = (of: Server) => (of.address() as AddressInfo).port
    await new Promise<void>(resolve => elsewhere.listen(0, '127.0.0.1', resolve))
    await new Promise<void>(resolve => store.listen(0, '127.0.0.1', resolve))
    try {
      answer = url =>
        url === '/piecestore/baga'
          ? { status: 302, headers: { location: '/piecestore/baga/' } }
          : { status: 302, headers: { location: `http://localhost:${port(elsewhere)}/resource` } }
      const { given } = await add([fromUrl(`${origin}/piecestore/baga`)], { env: { PIECE_FETCHER_TOKEN: 'secret' } })
      expect(given[0]!.data).to.deep.equal(PAYLOAD)
      expect(requests.map(({ headers }) => headers.authorization)).to.deep.equal([undefined, 'Bearer secret'])
      expect(seen).to.deep.equal([
        ['/resource', 'Bearer secret'],
        ['/bucket', undefined],
      ])
    } finally {
      elsewhere.close()
      store.close()
    }
  })

  it('refuses pieces for which there is no room, before it fetches any', async () => {
    const huge = { piece_file: { url: `${origin}/huge` }, payload_size: 127 * 2 ** 43, piece_size: 127 * 2 ** 43 }
    const error = await failureOf(
      addPieces({ seal_proof_type: SEAL_PROOF, pieces: [huge], staged_filepath: staged }, stageContext()),
    )
    expect(error.class).to.equal('temporary')
    expect(error.message).to.match(/^no space for the pieces of the sector in .*: \d+ bytes are needed, \d+ are free$/)
    expect(requests).to.deep.equal([])
  })

  it('leaves nothing of a sector whose disk has become full', async () => {
    const prover = fakeProver({
      addPiece: () => {
        throw new ProofsError({ code: 'DISK_FULL', message: 'could not write it', causes: ['No space left on device'] })
      },
    })
    const pieces: PieceTask[] = [{ piece_file: 'pledge', payload_size: 0, piece_size: 1016 }]
    const task = { seal_proof_type: SEAL_PROOF, pieces, staged_filepath: staged }
    const error = await failureOf(addPieces(task, stageContext({ prover })))
    expect([error.class, await readdir(path.dirname(staged))]).to.deep.equal(['temporary', []])
    expect(error.message).to.contain('no space for the pieces of the sector')
  })

  it('stops a download when it is told to', async () => {
    const controller = new AbortController()
    answer = () => {
      setTimeout(() => controller.abort(new Error('paused')), 20)
      return { status: 200, headers: { 'content-length': '1000' }, body: PAYLOAD.subarray(0, 10) }
    }
    const error = await failureOf(add([fromUrl(`${origin}/slow`)], { signal: controller.signal }))
    expect(error.message).to.equal('paused')
  })
})
