import { expect } from 'chai'
import { HttpServer } from '../../../daemon/kit/http/http-server.js'
import { silentLog } from '../../../daemon/kit/log.js'

describe('kit/http: a table of paths', () => {
  let server: HttpServer
  let origin: string

  before(async () => {
    server = new HttpServer(silentLog)
      .route('/exact', (_, response) => void response.end('exact'))
      .route('/folder/', (request, response) => void response.end(`folder ${request.url}`))
      .route('/broken', () => Promise.reject(new Error('a handler that fails')))
    const { host, port } = await server.listen({ host: '127.0.0.1', port: 0 })
    origin = `http://${host}:${port}`
  })
  after(() => server.close())

  const get = async (path: string): Promise<[number, string]> => {
    const response = await fetch(`${origin}${path}`)
    return [response.status, await response.text()]
  }

  const answers: [string, [number, string]][] = [
    ['/exact', [200, 'exact']],
    ['/exact?a=1', [200, 'exact']],
    ['/folder/', [200, 'folder /folder/']],
    ['/folder/a/b', [200, 'folder /folder/a/b']],
    ['/', [404, 'not found\n']],
    ['/unknown', [404, 'not found\n']],
    ['/exact/below', [404, 'not found\n']],
    ['//', [404, 'not found\n']],
    ['/broken', [500, 'internal error\n']],
  ]
  for (const [path, answer] of answers) {
    it(`${path} is answered with ${answer[0]}`, async () => expect(await get(path)).to.deep.equal(answer))
  }

  it('says which address is taken', async () => {
    const { port } = new URL(origin)
    const taken = new HttpServer(silentLog).listen({ host: '127.0.0.1', port: Number(port) })
    const error = await taken.then(
      () => undefined,
      (reason: Error) => reason,
    )
    expect(error?.message).to.equal(`cannot listen on 127.0.0.1:${port}: another process listens there`)
  })
})
