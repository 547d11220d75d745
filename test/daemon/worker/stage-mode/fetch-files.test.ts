import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { systemClock } from '../../../../daemon/kit/clock.js'
import { type HttpHandler, HttpServer } from '../../../../daemon/kit/http/http-server.js'
import { silentLog } from '../../../../daemon/kit/log.js'
import { attachPath, readIdentity } from '../../../../daemon/kit/sealing/path-identity.js'
import { type FetchJob, fetchFiles } from '../../../../daemon/worker/stage-mode/fetch/fetch-files.js'
import { growingPlace } from '../../../../daemon/worker/stage-mode/fetch/growing-place.js'
import { FILES_ROUTE, serveFiles } from '../../../../daemon/worker/stage-mode/fetch/serve-files.js'
import { StagePaths } from '../../../../daemon/worker/stage-mode/stage-paths.js'
import { errorText } from '../../../../rpc-schema/seal-error.js'

const SECTOR = { ID: { Miner: 1000, Number: 7 }, ProofType: 5 }
const NAME = 's-t01000-7'
const PART = 1_000
const SEALED = Buffer.from(Array.from({ length: 4_321 }, (_, index) => index % 251))

describe('worker: files of a sector from another worker', () => {
  let dir: string
  let server: HttpServer
  let url: string
  let requests: string[]
  /** Stands before the one that serves. */
  let before: HttpHandler | undefined

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'fetch-'))
    await attachPath(dir, join(dir, 'from'), { init: true, seal: true, store: false, weight: 1 })
    await mkdir(join(dir, 'from/sealed'))
    await mkdir(join(dir, 'from/cache', NAME), { recursive: true })
    await mkdir(join(dir, 'from/outputs', NAME), { recursive: true })
    await writeFile(join(dir, 'from/sealed', NAME), SEALED)
    await writeFile(join(dir, 'from/cache', NAME, 'p_aux'), 'aux')
    await writeFile(join(dir, 'from/outputs', NAME, 'output-c1.json'), '{}')
    await writeFile(join(dir, 'from', 'secret'), 'not a file of a sector')
    requests = []
    before = undefined
    const handler = serveFiles(new StagePaths(dir, silentLog, systemClock), 'the token')
    server = new HttpServer(silentLog).route(FILES_ROUTE, (request, response) => {
      if (request.headers.range !== undefined) requests.push(request.headers.range)
      return before === undefined ? handler(request, response) : before(request, response)
    })
    const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
    url = `http://127.0.0.1:${port}`
  })
  afterEach(async () => {
    await server.close()
    await rm(dir, { recursive: true, force: true })
  })

  const job = (more: Partial<FetchJob> = {}): FetchJob => ({
    source: { Path: readIdentity(join(dir, 'from')).ID, Url: url, Token: 'the token' },
    sector: SECTOR,
    need: 'all',
    root: join(dir, 'to'),
    signal: new AbortController().signal,
    partBytes: PART,
    ...more,
  })
  const failure = (more: Partial<FetchJob> = {}): Promise<string> =>
    fetchFiles(job(more)).then(
      () => 'fetched',
      (error: unknown) => errorText(error),
    )

  it('all of them, or only what a task needs', async () => {
    await fetchFiles(job())
    expect(await readFile(join(dir, 'to/sealed', NAME))).to.deep.equal(SEALED)
    expect(await readFile(join(dir, 'to/cache', NAME, 'p_aux'), 'utf8')).to.equal('aux')
    await fetchFiles(job({ need: 'outputs', root: join(dir, 'outputs only') }))
    expect(await readdir(join(dir, 'outputs only'))).to.deep.equal(['outputs'])
  })

  it('go on where they were cut off, without what may not have come to the disk', async () => {
    await fetchFiles(job())
    await rm(join(dir, 'to/sealed', NAME))
    await writeFile(join(dir, 'to/sealed', `${NAME}.fetching`), SEALED.subarray(0, 3_500))
    requests = []
    await fetchFiles(job())
    expect(requests).to.deep.equal(['bytes=2000-2999', 'bytes=3000-3999', 'bytes=4000-4320'])
    expect(await readFile(join(dir, 'to/sealed', NAME))).to.deep.equal(SEALED)
  })

  it('that are not what was read at the other side are not taken', async () => {
    before = (_, response) => {
      response.writeHead(206, { trailer: 'x-content-sha256' })
      response.write('other bytes')
      response.addTrailers({ 'x-content-sha256': '00' })
      response.end()
    }
    const list = serveFiles(new StagePaths(dir, silentLog, systemClock), 'the token')
    const spoil = before
    before = (request, response) =>
      request.headers.range === undefined ? list(request, response) : spoil(request, response)
    expect(await failure()).to.match(/what came at 0 is not what was read there/)
    expect((await readdir(join(dir, 'to'), { recursive: true })).filter(name => name.endsWith(NAME))).to.not.include(
      join('sealed', NAME),
    )
  })

  it('come only with the token, and only files of the sector', async () => {
    const source = job().source
    expect(await failure({ source: { ...source, Token: 'a guess' } })).to.contain('it answered 401')
    expect(await failure({ source: { ...source, Path: 'another path' } })).to.contain('no path another path')
    const get = (query: string) =>
      fetch(`${url}${FILES_ROUTE}${source.Path}/${NAME}?proof=5&need=all${query}`, {
        headers: { authorization: 'Bearer the token', range: 'bytes=0-10' },
      })
    expect((await get('&file=secret')).status).to.equal(404)
    expect((await get('&file=..%2F..%2Fstorage.json')).status).to.equal(404)
    expect((await get(`&file=sealed%2F${NAME}`)).status).to.equal(206)
  })

  it('that the other side does not have are told of', async () => {
    expect(await failure({ sector: { ...SECTOR, ID: { Miner: 1000, Number: 8 } } })).to.contain(
      'it has no files of the sector',
    )
    await truncate(join(dir, 'from/sealed', NAME), 0)
    expect(await failure({ need: 'sealed' })).to.contain('it answered 404')
  })

  it('come whole to whoever has the task now, with what was brought before; one who still brings them for an earlier claim spoils nothing', async () => {
    const claim = (Fence: number) => ({ Task: `${NAME}.PC2.x`, Fence })
    const placeOf = (fence: number): Promise<string> => growingPlace(join(dir, 'to'), SECTOR.ID, claim(fence))
    const list = serveFiles(new StagePaths(dir, silentLog, systemClock), 'the token')
    let goOn = (): void => {}
    const later = new Promise<void>(resolve => {
      goOn = resolve
    })
    const isHeld = new Promise<void>(resolve => {
      before = async (request, response) => {
        if (request.headers.range === 'bytes=3000-3999' && before !== undefined) {
          before = undefined
          resolve()
          await later
        }
        await list(request, response)
      }
    })
    const frozen = failure({ root: await placeOf(1) })
    await isHeld
    requests = []
    const root = await placeOf(2)
    await fetchFiles(job({ root }))
    expect(requests).to.deep.equal(['bytes=2000-2999', 'bytes=3000-3999', 'bytes=4000-4320', 'bytes=0-1'])
    goOn()
    expect(await frozen).not.to.equal('fetched')
    expect((await readFile(join(root, 'sealed', NAME))).equals(SEALED)).to.equal(true)
    // Nor does one who comes with an earlier claim take anything away.
    await placeOf(1)
    expect((await readFile(join(root, 'sealed', NAME))).equals(SEALED)).to.equal(true)
  })

  it('are not whole when the disk took less of the last part than it was given', async () => {
    const script = `
      const { fetchFiles } = await import(process.argv[1])
      const told = await fetchFiles({ ...JSON.parse(process.argv[2]), signal: new AbortController().signal })
        .then(() => 'fetched', error => String(error.cause))
      process.stdout.write(told)`
    const modules = new URL('../../../../daemon/worker/stage-mode/fetch/fetch-files.js', import.meta.url)
    const { signal: _, ...rest } = job()
    // Files of 4 KiB at the most: the last part does not fit, its beginning does.
    const limited = ['-c', 'ulimit -f 4; exec "$0" --input-type=module -e "$@"', process.execPath, script]
    const { stdout } = await promisify(execFile)('bash', [...limited, modules.href, JSON.stringify(rest)])
    expect(stdout).to.contain('EFBIG')
    expect(await readdir(join(dir, 'to/sealed'))).to.deep.equal([`${NAME}.fetching`])
  })

  it('are given up when the task is', async () => {
    const stop = new AbortController()
    before = () => stop.abort(new Error('no more'))
    expect(await failure({ signal: stop.signal })).to.equal('no more')
  })
})
