import { expect } from 'chai'
import { silentLog } from '../../../../daemon/kit/log.js'
import { connectService } from '../../../../daemon/manager/chain/services.js'
import { MarketEvents } from '../../../../daemon/manager/unseal/market-events.js'
import { gatewayService } from '../../../../rpc-schema/chain/gateway.js'
import { MARKET_EVENT, type RequestEvent, type ResponseEvent } from '../../../../rpc-schema/chain/market.js'
import { UNSEAL_STATE } from '../../../../rpc-schema/manager/unseal.js'
import { ValueQueue } from '../../../../rpc-schema/rpc/value-queue.js'
import { zeroPieceCid } from '../../../../rpc-schema/wire/piece.js'
import { eventually } from '../../../harness/eventually.js'
import { scriptedService } from '../../../harness/scripted-service.js'
import { fastClock } from '../manager-bench.js'

const LIMIT_MS = 10_000
const MINERS = [1000, 2000]

describe('manager: events of the market, by a gateway', function () {
  this.timeout(30_000)
  type Gateway = Awaited<ReturnType<typeof scriptedService>>
  /** Who listens now, for which miner. */
  let listeners: Map<number, ValueQueue<RequestEvent>>
  let registered: number
  let answers: ResponseEvent[]
  let polled: object[]
  let gateways: Gateway[]
  let events: MarketEvents
  let refuses: boolean

  const openGateway = async (): Promise<Gateway> => {
    const gateway = await scriptedService(
      gatewayService,
      {
        ListenMarketEvent: ({ Miner }, { signal }) => {
          if (refuses) throw new Error('no such miner here')
          registered += 1
          const queue: ValueQueue<RequestEvent> = new ValueQueue(() => {
            if (listeners.get(Miner.id) === queue) listeners.delete(Miner.id)
          })
          signal.addEventListener('abort', () => void queue.return())
          listeners.set(Miner.id, queue)
          queue.push(event('hello', MARKET_EVENT.initConnect, { ChannelId: 'c' }))
          return queue
        },
        ResponseMarketEvent: answer => void answers.push(answer),
      },
      '/rpc/v2',
    )
    gateways.push(gateway)
    return gateway
  }
  const event = (Id: string, Method: string, payload: unknown): RequestEvent => ({
    Id,
    Method,
    Payload: new TextEncoder().encode(JSON.stringify(payload)),
  })
  const piece = (miner: number) => ({
    PieceCid: { '/': zeroPieceCid(2048).toString() },
    Miner: `t0${miner}`,
    Sid: 3,
    Offset: 0,
    Size: 2032,
    Dest: 'http://127.0.0.1:9/piece',
  })
  const both = () =>
    eventually('it listens for both miners', LIMIT_MS, () => (listeners.size === MINERS.length ? true : undefined))
  const answerTo = (id: string) =>
    eventually(`the answer to ${id}`, LIMIT_MS, () => answers.find(({ Id }) => Id === id))

  const begin = (urls: readonly string[]): void => {
    events = new MarketEvents({
      sources: urls.map(url => ({
        connection: connectService('gateway', url, '', { stream: true }),
        namespace: gatewayService.namespace,
      })),
      miners: MINERS,
      desk: {
        poll: async request => {
          polled.push(request)
          return { state: UNSEAL_STATE.setUp, error: '' }
        },
      },
      clock: fastClock(50),
      log: silentLog,
    })
    events.start()
  }
  beforeEach(() => {
    listeners = new Map()
    answers = []
    polled = []
    gateways = []
    registered = 0
    refuses = false
  })
  afterEach(async () => {
    await events.stop()
    for (const gateway of gateways) await gateway.close().catch(() => {})
  })

  it('each miner has its own listener; what is asked of one is answered in the name of the event', async () => {
    begin([(await openGateway()).url])
    await both()
    listeners.get(2000)!.push(event('a', MARKET_EVENT.sectorsUnsealPiece, piece(2000)))
    const answer = await answerTo('a')
    expect([JSON.parse(new TextDecoder().decode(answer.Payload)), answer.Error]).to.deep.equal([UNSEAL_STATE.setUp, ''])
    expect(polled[0]).to.deep.include({ sid: { Miner: 2000, Number: 3 }, offset: 0, size: 2032 })
    listeners.get(1000)!.push(event('b', MARKET_EVENT.sectorsUnsealPiece, piece(2000)))
    expect((await answerTo('b')).Error).to.include('these are the events of f01000')
    expect(polled).to.have.length(1)
  })

  it('unknown events and payloads that make no sense end nothing', async () => {
    begin([(await openGateway()).url])
    await both()
    const queue = listeners.get(1000)!
    queue.push(event('x', 'SomethingNew', {}))
    queue.push({ Id: 'y', Method: MARKET_EVENT.sectorsUnsealPiece, Payload: Uint8Array.of(1, 2) })
    expect((await answerTo('y')).Error).to.not.equal('')
    queue.push(event('z', MARKET_EVENT.sectorsUnsealPiece, piece(1000)))
    expect((await answerTo('z')).Error).to.equal('')
    expect(answers.map(({ Id }) => Id)).to.deep.equal(['y', 'z'])
  })

  it('channels that end, and a gateway that refuses for a while: it listens again, once for each miner', async () => {
    const gateway = await openGateway()
    begin([gateway.url])
    await both()
    listeners.get(1000)!.end()
    listeners.delete(1000)
    await both()
    expect(registered).to.equal(3)
    refuses = true
    for (const [miner, queue] of listeners) {
      queue.fail(new Error('the gateway is tired'))
      listeners.delete(miner)
    }
    await eventually('it was refused', LIMIT_MS, () => (listeners.size === 0 ? true : undefined))
    refuses = false
    await both()
    expect(registered).to.equal(5)
    listeners.get(1000)!.push(event('a', MARKET_EVENT.sectorsUnsealPiece, piece(1000)))
    await answerTo('a')
  })

  it('one gateway that is not there does not keep it from the other', async () => {
    begin(['http://127.0.0.1:9', (await openGateway()).url])
    await both()
    listeners.get(1000)!.push(event('a', MARKET_EVENT.sectorsUnsealPiece, piece(1000)))
    await answerTo('a')
  })

  it('stops at once while nothing happens, and leaves no listener at the gateway', async () => {
    begin([(await openGateway()).url])
    await both()
    const start = performance.now()
    await events.stop()
    expect(performance.now() - start).to.be.below(1_000)
    await eventually('nobody listens', LIMIT_MS, () => (listeners.size === 0 ? true : undefined))
  })
})
