import net from 'node:net'
import { expect } from 'chai'
import { WebSocket, WebSocketServer } from 'ws'
import { z } from 'zod'
import { HttpServer } from '../../../daemon/kit/http/http-server.js'
import { silentLog } from '../../../daemon/kit/log.js'
import { bindPart, Dispatcher } from '../../../daemon/kit/rpc/dispatcher.js'
import { RpcServer } from '../../../daemon/kit/rpc/rpc-server.js'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import { type Connection, connectRpc } from '../../../rpc-schema/rpc/connection.js'
import { RpcError, RpcTransportError } from '../../../rpc-schema/rpc/error.js'
import { CHANNEL } from '../../../rpc-schema/rpc/frame.js'
import { channel, method, PERMISSIONS, param, service } from '../../../rpc-schema/rpc/method.js'
import { ValueQueue } from '../../../rpc-schema/rpc/value-queue.js'
import { eventually } from '../../harness/eventually.js'

const Amount = z.codec(z.string(), z.bigint(), { decode: text => BigInt(text), encode: value => value.toString() })

const declared = service('Test', {
  Add: method('adds', [param('a', Amount), param('b', Amount)], Amount),
  Fail: method('fails', [param('code', z.int())], z.null()),
  Hang: method('never answers', [], z.null()),
  Secret: method('for admins', [], z.string(), { permission: 'admin' }),
  Wait: method('answers when it is let', [param('padding', z.string())], z.null()),
  Silent: channel('says nothing', [], z.int()),
  Count: channel('counts', [param('to', z.int())], z.int()),
  Unserved: method('not served here', [], z.null()),
})

class Rejection extends Error {}
const failure = async (promise: Promise<unknown>): Promise<Error & { code?: number }> => {
  const outcome = await promise.then(
    () => new Rejection('it did not fail'),
    (error: Error) => error,
  )
  if (outcome instanceof Rejection) throw outcome
  return outcome as Error & { code?: number }
}

describe('kit/rpc: server and client over real sockets', () => {
  let http: HttpServer
  let rpc: RpcServer
  let origin: string
  let returned = 0
  const waiting: (() => void)[] = []
  /** Of the silent channels. */
  const silent = new Set<ValueQueue<number>>()
  let opens: Promise<void> = Promise.resolve()
  const open: Connection[] = []

  const connect = (scheme: 'http' | 'ws', options = {}): Connection => {
    const connection = connectRpc(`${scheme}://${origin}`, { timeoutMs: 2_000, ...options })
    open.push(connection)
    return connection
  }

  before(async () => {
    const { Unserved: _, ...handlers } = {
      Add: (a: bigint, b: bigint) => a + b,
      Fail: (code: number) =>
        Promise.reject(
          code === 0
            ? new Error('outer', { cause: new Error('inner') })
            : new RpcError(code, code === 1 ? 'x'.repeat(20_000) : 'as asked', { x: 1 }),
        ),
      Hang: () => new Promise<null>(() => {}),
      Wait: (_: string) => new Promise<null>(resolve => waiting.push(() => resolve(null))),
      Silent: async () => {
        const queue: ValueQueue<number> = new ValueQueue(() => silent.delete(queue))
        silent.add(queue)
        await opens
        return queue
      },
      Secret: () => 'secret',
      async *Count(to: number) {
        try {
          for (let i = 1; i <= to; i++) yield i
          if (to < 0) for (let i = 1; ; i++) yield await new Promise<number>(resolve => setImmediate(() => resolve(i)))
        } finally {
          returned++
        }
      },
      Unserved: () => null,
    }
    const dispatcher = new Dispatcher([bindPart(declared, handlers)], { title: 'Test', version: '1', log: silentLog })
    http = new HttpServer(silentLog)
    rpc = new RpcServer(dispatcher, {
      log: silentLog,
      maxBodyBytes: 100_000,
      bodyIdleMs: 100,
      authenticate: token => (token === 'bad' ? null : token === 'admin' ? PERMISSIONS : ['read']),
    }).mount(http, '/rpc/v0')
    const { host, port } = await http.listen({ host: '127.0.0.1', port: 0 })
    origin = `${host}:${port}`
  })
  afterEach(async () => {
    for (const connection of open.splice(0)) await connection.close()
  })
  after(async () => {
    rpc.close()
    await http.close()
  })

  for (const scheme of ['http', 'ws'] as const) {
    describe(scheme, () => {
      it('carries rich values both ways', async () => {
        expect(await rpcClient(declared, connect(scheme)).Add(2n ** 70n, 1n)).to.equal(2n ** 70n + 1n)
      })
      it('carries code and data of an error', async () => {
        const error = await failure(rpcClient(declared, connect(scheme)).Fail(11001))
        expect(error).to.be.instanceOf(RpcError).and.include({ code: 11001, message: 'as asked' })
        expect((error as RpcError).data).to.deep.equal({ x: 1 })
      })
      it('tells the beginning of an endless one', async () => {
        const { message } = await failure(rpcClient(declared, connect(scheme)).Fail(1))
        expect(message).to.equal(`${'x'.repeat(4_000)}… (and 16000 characters more)`)
      })
      it('answers any other error with code 1 and the whole chain', async () => {
        expect(await failure(rpcClient(declared, connect(scheme)).Fail(0))).to.include({
          code: 1,
          message: 'outer: inner',
        })
      })
      it('names method and parameter of a bad argument', async () => {
        const error = await failure(connect(scheme).call('Test.Add', [1, '2']))
        expect(error).to.include({ code: -32602, message: 'Test.Add: a: expected string, found 1' })
      })
      it('names the parameters when the count is wrong', async () => {
        const error = await failure(connect(scheme).call('Test.Add', ['1']))
        expect(error).to.include({ code: -32602, message: 'Test.Add takes 2 parameters (a, b), got 1' })
      })
      it('says method not found for what is not served', async () => {
        expect(await failure(connect(scheme).call('Test.Unserved', []))).to.include({ code: -32601 })
        expect(await failure(connect(scheme).call('Test.Nothing', []))).to.include({ code: -32601 })
      })
      it('gives up after its deadline', async () => {
        const error = await failure(connect(scheme).call('Test.Hang', [], { timeoutMs: 50 }))
        expect(error).to.be.instanceOf(RpcTransportError)
        expect(error.message).to.match(/Test\.Hang: no answer from .* within 50 ms/)
      })
      it('asks for the permission a method needs', async () => {
        expect((await failure(rpcClient(declared, connect(scheme)).Secret())).message).to.match(
          /missing permission.*need 'admin'/,
        )
        expect(await rpcClient(declared, connect(scheme, { token: 'admin' })).Secret()).to.equal('secret')
      })
      it('refuses a bad token', async () => {
        const error = await failure(connect(scheme, { token: 'bad' }).call('Test.Add', ['1', '2']))
        expect(error).to.be.instanceOf(RpcTransportError)
        expect(error.message).to.include('401')
      })
      it('serves its OpenRPC document', async () => {
        const document = (await connect(scheme).call('rpc.discover', [])) as { methods: { name: string }[] }
        expect(document.methods.map(entry => entry.name))
          .to.include.members(['Test.Add', 'Test.Count'])
          .and.not.include('Test.Unserved')
      })
    })
  }

  it('says what is wrong when nobody listens', async () => {
    const error = await failure(connectRpc('http://127.0.0.1:9').call('Test.Add', []))
    expect(error).to.be.instanceOf(RpcTransportError)
    expect(error.message).to.match(/Test\.Add: no answer from http:\/\/127\.0\.0\.1:9\/rpc\/v0: .*ECONNREFUSED/)
  })

  it('streams a channel and closes it', async () => {
    const seen: number[] = []
    for await (const value of await rpcClient(declared, connect('ws')).Count(3)) seen.push(value)
    expect(seen).to.deep.equal([1, 2, 3])
  })

  it('ends the source when the reader stops early', async () => {
    const before = returned
    for await (const value of await rpcClient(declared, connect('ws')).Count(-1)) if (value === 5) break
    while (returned === before) await new Promise(setImmediate)
  })

  const gone = () => eventually('the source has ended', 5_000, () => (silent.size === 0 ? true : undefined))

  it('ends a silent source when the reader stops while it waits, and when the reader has gone', async () => {
    const stream = await rpcClient(declared, connect('ws')).Silent()
    const next = stream.next()
    await stream.return?.()
    expect((await next).done).to.equal(true)
    await gone()
    const connection = connect('ws')
    const other = await rpcClient(declared, connection).Silent()
    const lost = failure(other.next())
    await connection.close()
    expect(await lost).to.be.instanceOf(RpcTransportError)
    await gone()
  })

  for (const [when, leave] of [
    ['its reader has cancelled', (socket: WebSocket, id: number) => socket.send(cancelOf(id))],
    ['its reader has gone', (socket: WebSocket) => socket.terminate()],
  ] as const)
    it(`ends a source that is opened only after ${when}`, async () => {
      let open: () => void = () => {}
      opens = new Promise(resolve => {
        open = resolve
      })
      const socket = new WebSocket(`ws://${origin}/rpc/v0`)
      await new Promise(resolve => socket.once('open', resolve))
      socket.send(JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'Test.Silent', params: [] }))
      await eventually('it is asked for', 5_000, () => (silent.size === 1 ? true : undefined))
      leave(socket, 7)
      if (socket.readyState === socket.OPEN) await rpcClient(declared, connect('ws')).Add(1n, 1n)
      else await new Promise(resolve => socket.once('close', resolve))
      open()
      await gone()
      socket.terminate()
    })
  const cancelOf = (id: number): string => JSON.stringify({ jsonrpc: '2.0', method: CHANNEL.cancel, params: [id] })

  it('works on so many requests of one socket at a time, and on all of them in the end', async () => {
    const client = rpcClient(declared, connect('ws', { timeoutMs: 20_000 }))
    const answers = Array.from({ length: 1_500 }, () => client.Wait('x'.repeat(1_000)))
    await eventually('as many as there may be', 5_000, () => (waiting.length >= 1_024 ? true : undefined))
    await rpcClient(declared, connect('ws')).Add(1n, 1n)
    expect(waiting.length).to.be.below(1_100)
    const letGo = setInterval(() => {
      for (const one of waiting.splice(0)) one()
    }, 5)
    expect(await Promise.all(answers)).to.have.length(1_500)
    clearInterval(letGo)
  })

  it('lives on when a client that it turns away resets the connection', async () => {
    for (const path of ['/rpc/v0', '/nowhere']) {
      const { hostname, port } = new URL(`http://${origin}`)
      const socket = net.connect(Number(port), hostname)
      socket.on('error', () => {})
      await new Promise(resolve => socket.once('connect', resolve))
      const headers = 'Connection: Upgrade\r\nUpgrade: websocket\r\nAuthorization: Bearer bad\r\n'
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`)
      await new Promise(resolve => socket.once('data', resolve))
      socket.write('more')
      socket.resetAndDestroy()
    }
    expect(await rpcClient(declared, connect('ws')).Add(1n, 2n)).to.equal(3n)
  })

  it('cuts a request whose body does not go on', async () => {
    const { hostname, port } = new URL(`http://${origin}`)
    const socket = net.connect(Number(port), hostname)
    socket.on('error', () => {})
    socket.write('POST /rpc/v0 HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{')
    await new Promise(resolve => socket.resume().once('close', resolve))
  })

  it('dials again after a loss', async () => {
    const connection = connect('ws')
    const client = rpcClient(declared, connection)
    await client.Add(1n, 1n)
    const hanging = failure(client.Hang())
    await new Promise(setImmediate)
    rpc.dropConnections()
    expect(await hanging).to.be.instanceOf(RpcTransportError)
    expect(await client.Add(1n, 2n)).to.equal(3n)
  })

  it('goes on after a frame of brackets nested deeper than any stack', async () => {
    const socket = new WebSocket(`ws://${origin}/rpc/v0`)
    await new Promise(resolve => socket.once('open', resolve))
    const answer = new Promise<string>(resolve => socket.once('message', data => resolve(data.toString())))
    socket.send('['.repeat(20_000) + ']'.repeat(20_000))
    expect(JSON.parse(await answer)).to.not.equal(null)
    socket.terminate()
    expect(await rpcClient(declared, connect('ws')).Add(1n, 2n)).to.equal(3n)
  })

  for (const garbage of ['null', '7', 'nonsense']) {
    it(`a client survives a server that sends ${garbage}`, async () => {
      const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
      server.on('connection', socket => socket.on('message', () => socket.send(garbage)))
      await new Promise(resolve => server.once('listening', resolve))
      const { port } = server.address() as { port: number }
      const connection = connectRpc(`ws://127.0.0.1:${port}`)
      open.push(connection)
      expect(await failure(connection.call('Test.Add', []))).to.be.instanceOf(RpcTransportError)
      server.close()
    })
  }

  const post = async (body: string): Promise<[number, string]> => {
    const response = await fetch(`http://${origin}/rpc/v0`, { method: 'POST', body })
    return [response.status, await response.text()]
  }
  it('answers broken JSON with a parse error', async () => {
    const [status, body] = await post('{"jsonrpc"')
    expect([status, JSON.parse(body).error.code]).to.deep.equal([500, -32700])
  })
  it('takes a batch, and a request without version or params', async () => {
    const [status, body] = await post(
      '[{"id":1,"method":"Test.Add","params":["1","2"]},{"id":"x","method":"rpc.discover","params":null}]',
    )
    expect(status).to.equal(200)
    expect(JSON.parse(body).map((entry: { id: unknown }) => entry.id)).to.have.members([1, 'x'])
  })
  it('refuses a body over the limit, an empty one, and GET', async () => {
    expect((await post('x'.repeat(200_000)))[0]).to.equal(413)
    expect((await post(''))[0]).to.equal(400)
    expect((await fetch(`http://${origin}/rpc/v0`)).status).to.equal(400)
  })
  it('answers a notification with nothing', async () => {
    expect(await post('{"jsonrpc":"2.0","method":"Test.Add","params":["1","2"]}')).to.deep.equal([200, ''])
  })
})
