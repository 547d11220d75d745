import { expect } from 'chai'
import { lotusService } from '../../../rpc-schema/chain/index.js'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import { RpcError, RpcTransportError } from '../../../rpc-schema/rpc/error.js'
import { DevnetUnderTest, failure, MINER } from './devnet-under-test.js'

const HEAD = 'Filecoin.ChainHead'
const PUSH = 'Filecoin.MpoolPushMessage'

describe('devnet: failures on command', () => {
  let test: DevnetUnderTest
  before(async () => {
    test = await DevnetUnderTest.start()
  })
  afterEach(() => test.admin.ClearFaults())
  after(() => test.stop())

  it('answers with an error, as often as it was told to', async () => {
    await test.admin.Fail({ Method: HEAD, Kind: 'error', Times: 2, Message: 'the disk is full' })
    for (const _ of [1, 2]) {
      const error = await failure(test.node.ChainHead())
      expect(error).to.be.instanceOf(RpcError)
      expect([error.code, error.message]).to.deep.equal([1, 'the disk is full'])
    }
    await test.node.ChainHead()
    await test.node.StateNetworkName()
  })

  it('hangs, over HTTP and WebSocket, until the caller gives up', async () => {
    for (const scheme of ['http', 'ws'] as const) {
      await test.admin.Fail({ Method: HEAD, Kind: 'hang', Times: 1 })
      const node = rpcClient(lotusService, test.connect(scheme, 100))
      expect((await failure(node.ChainHead())).message).to.contain('no answer')
      await node.ChainHead()
    }
  })

  it('fails at one endpoint of the node and answers at the other', async () => {
    await test.admin.Fail({ Method: '*', Kind: 'error', Endpoint: 'main', Message: 'out of order' })
    const second = rpcClient(lotusService, test.connect('http', 10_000, '/second/rpc/v1'))
    expect((await failure(test.node.ChainHead())).message).to.equal('out of order')
    expect((await second.ChainHead()).Height).to.equal(test.height)
    await test.admin.ClearFaults()
    await test.node.ChainHead()
  })

  it('is late', async () => {
    await test.admin.Fail({ Method: HEAD, Kind: 'delay', DelayMs: 80, Times: 1 })
    const from = performance.now()
    await test.node.ChainHead()
    expect(performance.now() - from).to.be.greaterThan(75)
  })

  for (const scheme of ['http', 'ws'] as const) {
    it(`cuts the connection after the effect (${scheme})`, async () => {
      const node = rpcClient(lotusService, test.connect(scheme, 2_000))
      const nonce = await node.MpoolGetNonce(test.worker)
      await test.admin.Fail({ Method: PUSH, Kind: 'drop-after-effect', Times: 1 })
      const from = performance.now()
      const error = await failure(node.MpoolPushMessage(test.message({ To: test.client, Value: 1n }), null))
      expect(error).to.be.instanceOf(RpcTransportError)
      expect(performance.now() - from, 'at once, not by timeout').to.be.lessThan(1_500)
      expect(await node.MpoolGetNonce(test.worker), 'the message is in the pool').to.equal(nonce + 1)
    })
  }

  it('can take every method but its own, market included', async () => {
    await test.admin.Fail({ Method: '*', Kind: 'error' })
    await failure(test.node.ChainHead())
    await failure(test.market.ReleaseDirectDeals(MINER, []))
    expect((await test.admin.Status()).Faults).to.have.length(1)
    await test.admin.ClearFaults()
    await test.node.ChainHead()
  })

  it('keeps streams from opening', async () => {
    await test.admin.Fail({ Method: 'Filecoin.ChainNotify', Kind: 'error', Times: 1 })
    const node = rpcClient(lotusService, test.connect('ws'))
    await failure(node.ChainNotify())
    const changes = await node.ChainNotify()
    expect((await changes.next()).value).to.have.length(1)
    await changes.return!()
  })
})
