import http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { expect } from 'chai'
import { type Connection, connectRpc } from '../../../rpc-schema/rpc/connection.js'
import { parseEndpoint } from '../../../rpc-schema/rpc/endpoint.js'
import type { RpcTransportError } from '../../../rpc-schema/rpc/error.js'
import { mapped } from '../../../rpc-schema/rpc/mapped-values.js'
import { ValueQueue } from '../../../rpc-schema/rpc/value-queue.js'

const failure = (promise: Promise<unknown>): Promise<RpcTransportError> =>
  promise.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: RpcTransportError) => error,
  )

describe('rpc: a server that does not answer', () => {
  let server: net.Server
  let connection: Connection

  const listen = async (created: net.Server): Promise<string> => {
    server = created
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    return `127.0.0.1:${(server.address() as AddressInfo).port}`
  }
  afterEach(async () => {
    await connection.close()
    server.close()
  })

  it('a WebSocket that is still being dialled closes at once, and what waits for it fails as never sent', async () => {
    const sockets: net.Socket[] = []
    connection = connectRpc(`ws://${await listen(net.createServer(socket => sockets.push(socket)))}`)
    const call = failure(connection.call('A.B', []))
    await new Promise(resolve => server.once('connection', resolve))
    await connection.close()
    const error = await call
    expect([error.name, error.sent]).to.deep.equal(['RpcTransportError', false])
    expect((await failure(connection.call('A.B', []))).message).to.include('was closed')
    for (const socket of sockets) await new Promise(resolve => socket.resume().once('close', resolve))
  })

  it('an answer that stops on the way fails for the reason that it took too long', async () => {
    const origin = await listen(
      http.createServer((_, response) => {
        response.writeHead(200, { 'content-length': 100 })
        response.write('{')
      }),
    )
    connection = connectRpc(`http://${origin}`)
    const error = await failure(connection.call('A.B', [], { timeoutMs: 200 }))
    expect(error.message).to.match(/A\.B: no answer from .*: no answer within 200 ms/)
    expect(error.sent).to.equal(true)
    ;(server as http.Server).closeAllConnections()
  })

  it('an answer that is cut off on the way says so', async () => {
    const origin = await listen(
      http.createServer((_, response) => {
        response.writeHead(200, { 'content-length': 100 })
        response.write('{', () => response.destroy())
      }),
    )
    connection = connectRpc(`http://${origin}`)
    const error = await failure(connection.call('A.B', []))
    expect(error.message).to.match(/A\.B: no answer from .*: aborted/)
  })
})

describe('rpc: values that wait for a reader', () => {
  it('are not kept without end: a reader that is too far behind gets an error, and the source is told', async () => {
    let ended = 0
    const queue = new ValueQueue<number>(() => ended++, 3)
    for (const value of [1, 2, 3]) queue.push(value)
    expect(await queue.next()).to.deep.equal({ value: 1, done: false })
    queue.push(4)
    expect(ended).to.equal(0)
    queue.push(5)
    queue.push(6)
    expect(ended).to.equal(1)
    expect((await failure(queue.next())).message).to.include('more than 3 values behind')
    expect((await queue.next()).done).to.equal(true)
  })

  it('one that cannot be mapped ends the source', async () => {
    let ended = 0
    const queue = new ValueQueue<number>(() => ended++)
    const halves = mapped(queue, value => {
      if (value % 2 === 1) throw new Error(`${value} is odd`)
      return value / 2
    })
    queue.push(4)
    queue.push(5)
    expect(await halves.next()).to.deep.equal({ value: 2, done: false })
    expect((await failure(halves.next())).message).to.equal('5 is odd')
    expect(ended).to.equal(1)
  })
})

describe('rpc: a token in an address', () => {
  const ROWS = [
    ['aGVh.cGF5.c2ln:/ip4/10.0.0.1/tcp/1', 'aGVh.cGF5.c2ln', 'http://10.0.0.1:1'],
    ['aGVh.cGF5.c2ln:10.0.0.1:1', 'aGVh.cGF5.c2ln', 'http://10.0.0.1:1'],
    ['simple:/dns/node/tcp/1', 'simple', 'http://node:1'],
    ['simple:wss://node/key', 'simple', 'wss://node'],
    ['http://10.0.0.1:1', undefined, 'http://10.0.0.1:1'],
    ['node:1234', undefined, 'http://node:1234'],
  ] as const
  for (const [text, token, origin] of ROWS)
    it(`${text}: ${token ?? 'none'}`, () => {
      const read = parseEndpoint(text)
      expect([read.token, `${read.scheme}://${read.authority}`]).to.deep.equal([token, origin])
    })

  it('is not in the error about an address that cannot be read', () => {
    expect(() => parseEndpoint('hush:/ip4/10.0.0.1/tcp/x'))
      .to.throw()
      .and.not.match(/hush/)
  })
})
