import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { type WebSocket, WebSocketServer } from 'ws'
import { connectService, type ServiceName, serviceAddresses } from '../../../../daemon/manager/chain/services.js'
import { gatewayService, lotusService, marketService, messagerService } from '../../../../rpc-schema/chain/index.js'
import { rpcClient } from '../../../../rpc-schema/rpc/client.js'
import type { Connection } from '../../../../rpc-schema/rpc/connection.js'
import { Address } from '../../../../rpc-schema/wire/address.js'

/** One call as it came over the wire. */
interface Heard {
  readonly transport: 'http' | 'ws'
  readonly path: string
  readonly namespace: unknown
  readonly authorization: unknown
  readonly method: string
  readonly params: unknown
}

const MESSAGE = {
  Version: 0,
  To: Address.fromId(1000, 't'),
  From: Address.fromId(1001, 't'),
  Nonce: 0,
  Value: 5n,
  GasLimit: 0,
  GasFeeCap: 0n,
  GasPremium: 0n,
  Method: 28,
  Params: Uint8Array.of(1, 2),
}
const SPEC = { expireEpoch: 0, gasOverEstimation: 1.2, maxFee: null, gasOverPremium: 0 }
const SENT_MESSAGE = {
  Version: 0,
  To: 't01000',
  From: 't01001',
  Nonce: 0,
  Value: '5',
  GasLimit: 0,
  GasFeeCap: '0',
  GasPremium: '0',
  Method: 28,
  Params: 'AQI=',
  CID: { '/': 'bafy2bzaceds5ab6s5irxr6rdlcovjftkqulceezy6xkbffaxermxf3qj5bfls' },
}

describe('manager: calls to other services, as they are on the wire', () => {
  let server: http.Server
  let sockets: WebSocketServer
  let port: number
  let heard: Heard[]
  let answer: unknown
  const open: Connection[] = []

  beforeEach(async () => {
    heard = []
    const take = (transport: Heard['transport'], request: http.IncomingMessage, text: string): string => {
      const { id, method, params } = JSON.parse(text) as { id: number; method: string; params: unknown }
      const { 'x-venus-api-namespace': namespace, authorization } = request.headers
      heard.push({ transport, path: request.url!, namespace, authorization, method, params })
      return JSON.stringify({ jsonrpc: '2.0', id, result: answer })
    }
    server = http.createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => response.end(take('http', request, Buffer.concat(chunks).toString())))
    })
    sockets = new WebSocketServer({ server })
    sockets.on('connection', (socket: WebSocket, request: http.IncomingMessage) =>
      socket.on('message', data => socket.send(take('ws', request, data.toString()))),
    )
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    port = (server.address() as AddressInfo).port
  })
  afterEach(async () => {
    for (const connection of open.splice(0)) await connection.close()
    for (const socket of sockets.clients) socket.terminate()
    sockets.close()
    server.close()
    server.closeAllConnections()
  })

  const connect = (name: ServiceName, address: string, token = 'hush'): Connection => {
    const connection = connectService(name, address, token)
    open.push(connection)
    return connection
  }
  const TRANSPORTS = ['http', 'ws'] as const

  const CALLS: readonly {
    service: ServiceName
    path: string
    namespace: string
    result: unknown
    call(connection: Connection): Promise<unknown>
    method: string
    params: unknown
  }[] = [
    {
      service: 'chain',
      path: '/rpc/v1',
      namespace: 'v1.FullNode',
      result: 28,
      call: connection => rpcClient(lotusService, connection).StateNetworkVersion([]),
      method: 'Filecoin.StateNetworkVersion',
      params: [[]],
    },
    {
      service: 'messager',
      path: '/rpc/v0',
      namespace: 'messager.IMessager',
      result: 'uid-1',
      call: connection => rpcClient(messagerService, connection).PushMessageWithId('uid-1', MESSAGE as never, SPEC),
      method: 'Message.PushMessageWithId',
      params: ['uid-1', SENT_MESSAGE, SPEC],
    },
    {
      service: 'messager',
      path: '/rpc/v0',
      namespace: 'messager.IMessager',
      result: true,
      call: connection => rpcClient(messagerService, connection).HasMessageByUid('uid-1'),
      method: 'Message.HasMessageByUid',
      params: ['uid-1'],
    },
    {
      service: 'market',
      path: '/rpc/v1',
      namespace: 'v1.IMarket',
      result: null,
      call: connection => rpcClient(marketService, connection).ReleaseDeals(Address.fromId(1000, 't'), [3, 4]),
      method: 'VENUS_MARKET.ReleaseDeals',
      params: ['t01000', [3, 4]],
    },
    {
      service: 'market',
      path: '/rpc/v1',
      namespace: 'v1.IMarket',
      result: null,
      call: connection => rpcClient(marketService, connection).ReleaseDirectDeals(Address.fromId(1000, 't'), [9]),
      method: 'VENUS_MARKET.ReleaseDirectDeals',
      params: ['t01000', [9]],
    },
    {
      service: 'market',
      path: '/rpc/v1',
      namespace: 'v1.IMarket',
      result: [],
      call: connection =>
        rpcClient(marketService, connection).AssignDeals({ Miner: 1000, Number: 7 }, 2_048, {
          MaxPiece: 0,
          MaxPieceSize: 0,
          MinPiece: 0,
          MinPieceSize: 0,
          MinUsedSpace: 0,
          StartEpoch: 5,
          EndEpoch: 6,
          SectorExpiration: null,
        }),
      method: 'VENUS_MARKET.AssignDeals',
      params: [
        { Miner: 1000, Number: 7 },
        2_048,
        {
          MaxPiece: 0,
          MaxPieceSize: 0,
          MinPiece: 0,
          MinPieceSize: 0,
          MinUsedSpace: 0,
          StartEpoch: 5,
          EndEpoch: 6,
          SectorExpiration: null,
        },
      ],
    },
    {
      service: 'gateway',
      path: '/rpc/v2',
      namespace: 'gateway.IGateway',
      result: null,
      call: connection =>
        rpcClient(gatewayService, connection).ResponseMarketEvent({ Id: 'e1', Payload: Uint8Array.of(34), Error: '' }),
      method: 'Gateway.ResponseMarketEvent',
      params: [{ Id: 'e1', Payload: 'Ig==', Error: '' }],
    },
    {
      service: 'gateway',
      path: '/rpc/v2',
      namespace: 'gateway.IGateway',
      result: null,
      call: connection =>
        rpcClient(gatewayService, connection).ResponseProofEvent({ Id: 'e2', Payload: new Uint8Array(), Error: 'no' }),
      method: 'Gateway.ResponseProofEvent',
      params: [{ Id: 'e2', Payload: '', Error: 'no' }],
    },
  ]
  for (const transport of TRANSPORTS)
    for (const { service, path, namespace, result, call, method, params } of CALLS)
      it(`S003-3…6: ${method} over ${transport}`, async () => {
        answer = result
        await call(connect(service, `/ip4/127.0.0.1/tcp/${port}/${transport}`))
        expect(heard).to.deep.equal([{ transport, path, namespace, authorization: 'Bearer hush', method, params }])
      })

  it('without an address of their own they are reached through the first gateway, each under its own namespace', async () => {
    const api = {
      Chain: '',
      Messager: '',
      Market: '',
      Gateway: [`own:/ip4/127.0.0.1/tcp/${port}`, '/ip4/127.0.0.1/tcp/9'],
    }
    answer = null
    for (const name of ['chain', 'messager', 'market', 'gateway'] as const) {
      const [address] = serviceAddresses(name, { ...api, Token: 'hush', ChainEventInterval: 60_000 } as never)
      await connect(name, address!).call('A.B', [])
    }
    expect(heard.map(({ path, namespace, authorization }) => [path, namespace, authorization])).to.deep.equal([
      ['/rpc/v1', 'v1.FullNode', 'Bearer own'],
      ['/rpc/v0', 'messager.IMessager', 'Bearer own'],
      ['/rpc/v1', 'v1.IMarket', 'Bearer own'],
      ['/rpc/v2', 'gateway.IGateway', 'Bearer own'],
    ])
  })

  it('without any token there is no Authorization', async () => {
    answer = null
    await connect('market', `/ip4/127.0.0.1/tcp/${port}`, '').call('A.B', [])
    expect(heard[0]!.authorization).to.equal(undefined)
  })
})
