import { expect } from 'chai'
import { systemClock } from '../../../../daemon/kit/clock.js'
import { silentLog } from '../../../../daemon/kit/log.js'
import { callSafety } from '../../../../daemon/manager/chain/call-safety.js'
import { EndpointHealth } from '../../../../daemon/manager/chain/endpoint-health.js'
import { EndpointPool } from '../../../../daemon/manager/chain/endpoint-pool.js'
import { HeadElection } from '../../../../daemon/manager/chain/head-election.js'
import { NodeNotReadyError } from '../../../../daemon/manager/chain/node-errors.js'
import type { Connection } from '../../../../rpc-schema/rpc/connection.js'
import { RpcError, RpcTransportError } from '../../../../rpc-schema/rpc/error.js'
import { ValueQueue } from '../../../../rpc-schema/rpc/value-queue.js'
import { eventually } from '../../../harness/eventually.js'

type Answer = unknown | (() => unknown)

/** A node that answers as it is told to, and remembers what it was asked. */
class FakeNode implements Connection {
  readonly url: string
  readonly calls: string[] = []
  readonly stream = new ValueQueue<unknown>()
  answers: Record<string, Answer> = {}
  /** Set: every call fails so. */
  down: Error | undefined

  constructor(name: string) {
    this.url = `ws://${name}`
  }

  async call(method: string): Promise<unknown> {
    // The looks of the pool itself are of no interest here.
    if (method === 'Filecoin.ChainHead' && !('Filecoin.ChainHead' in this.answers)) throw new RpcError(1, 'no head')
    this.calls.push(method)
    if (this.down) throw this.down
    const answer = this.answers[method] ?? `${method} of ${this.url}`
    return typeof answer === 'function' ? answer() : answer
  }

  async subscribe(): Promise<AsyncIterableIterator<unknown>> {
    if (this.down) throw this.down
    return this.stream
  }

  async close(): Promise<void> {}
}

const lost = (sent: boolean): Error => new RpcTransportError('ws://a', 'connection lost', { sent })

describe('manager: several endpoints of the chain', () => {
  let pools: EndpointPool[] = []
  afterEach(async () => {
    await Promise.all(pools.map(pool => pool.close()))
    pools = []
  })

  function pool(names: readonly string[]): { nodes: FakeNode[]; pool: EndpointPool } {
    const nodes = names.map(name => new FakeNode(name))
    const made = new EndpointPool({ connections: nodes, clock: systemClock, log: silentLog, lookMs: 600_000 })
    pools.push(made)
    return { nodes, pool: made }
  }

  it('asks the first, and the others when it fails: a read is made again, wherever it was lost', async () => {
    const { nodes, pool: chain } = pool(['a', 'b', 'c'])
    expect(await chain.call('Filecoin.StateX', [])).to.equal('Filecoin.StateX of ws://a')
    nodes[0]!.down = lost(true)
    nodes[1]!.down = lost(false)
    expect(await chain.call('Filecoin.StateX', [])).to.equal('Filecoin.StateX of ws://c')
    expect(chain.url).to.equal('ws://c')
    nodes[0]!.calls.length = 0
    expect(await chain.call('Filecoin.StateX', [])).to.equal('Filecoin.StateX of ws://c')
    expect(nodes[0]!.calls, 'one that failed rests').to.deep.equal([])
  })

  it('a message is never pushed twice: what may have left is not repeated, what has not goes to another', async () => {
    const { nodes, pool: chain } = pool(['a', 'b'])
    nodes[0]!.down = lost(true)
    const error = await chain.call('Filecoin.MpoolPushMessage', []).catch((cause: unknown) => cause)
    expect(error).to.equal(nodes[0]!.down)
    expect(nodes[1]!.calls).to.deep.equal([])

    const { nodes: others, pool: chain2 } = pool(['a', 'b'])
    others[0]!.down = lost(false)
    expect(await chain2.call('Filecoin.MpoolPushMessage', [])).to.equal('Filecoin.MpoolPushMessage of ws://b')
    others[0]!.down = undefined
    await chain2.call('Filecoin.MpoolPending', [])
    expect(others[1]!.calls, 'the pool that has the message is asked for it').to.include('Filecoin.MpoolPending')
  })

  it('a single endpoint: a read is asked once more, a push that was sent is not', async () => {
    const { nodes, pool: chain } = pool(['a'])
    let times = 0
    nodes[0]!.answers['Filecoin.StateX'] = () => {
      times += 1
      if (times === 1) throw lost(true)
      return 'late'
    }
    expect(await chain.call('Filecoin.StateX', [])).to.equal('late')
    nodes[0]!.answers['Filecoin.MpoolPush'] = () => {
      throw lost(true)
    }
    expect(await chain.call('Filecoin.MpoolPush', []).catch((error: Error) => error.message)).to.equal(
      'connection lost',
    )
    expect(nodes[0]!.calls.filter(method => method === 'Filecoin.MpoolPush')).to.have.length(1)
  })

  it('an answer that is an error is an answer; a node that cannot say yet is asked again elsewhere', async () => {
    const { nodes, pool: chain } = pool(['a', 'b'])
    nodes[0]!.answers['Filecoin.StateMinerInfo'] = () => {
      throw new RpcError(1, 'failed to load miner actor: actor not found')
    }
    const refused = await chain.call('Filecoin.StateMinerInfo', []).catch((error: unknown) => error)
    expect(refused).to.be.instanceOf(RpcError)
    expect(nodes[1]!.calls).to.deep.equal([])
    nodes[0]!.answers['Filecoin.StateGetActor'] = () => {
      throw new RpcError(1, 'get block bafyX: ipld: could not find bafyX')
    }
    expect(await chain.call('Filecoin.StateGetActor', [])).to.equal('Filecoin.StateGetActor of ws://b')
  })

  it('when no endpoint can say, the error is one that passes', async () => {
    const { nodes, pool: chain } = pool(['a'])
    nodes[0]!.answers['Filecoin.StateMinerInfo'] = () => {
      throw new RpcError(1, 'state not available for tipset')
    }
    const error = await chain.call('Filecoin.StateMinerInfo', []).catch((cause: unknown) => cause)
    expect(error).to.be.instanceOf(NodeNotReadyError)
    nodes[0]!.answers['Filecoin.StateSearchMsg'] = () => {
      throw new RpcError(1, 'failed to load message: ipld: could not find bafyX')
    }
    const unknown = await chain.call('Filecoin.StateSearchMsg', []).catch((cause: unknown) => cause)
    expect(unknown, 'a message that the node never saw').to.be.instanceOf(RpcError)
  })

  it('a stream ends when another endpoint takes over, and begins there', async () => {
    const { nodes, pool: chain } = pool(['a', 'b'])
    const items = await chain.subscribe('Filecoin.ChainNotify', [])
    nodes[0]!.stream.push('one')
    expect((await items.next()).value).to.equal('one')
    nodes[0]!.down = lost(true)
    await chain.call('Filecoin.StateX', [])
    expect(await items.next().catch((error: Error) => error.message)).to.match(/ws:\/\/b takes over/)
    expect((await nodes[0]!.stream.next()).done, 'the silent one is closed at its node').to.equal(true)
    const again = await chain.subscribe('Filecoin.ChainNotify', [])
    nodes[1]!.stream.push('two')
    expect((await again.next()).value).to.equal('two')
  })

  it('fault 9: of endpoints that disagree the one with the heavier head is believed, without flapping', async () => {
    const nodes = ['a', 'b'].map(name => new FakeNode(name))
    const head = (height: number) => () => ({ Cids: [], Blocks: [], Height: height })
    let weights = [10, 10]
    let looks = 0
    for (const [index, node] of nodes.entries()) {
      node.answers['Filecoin.ChainHead'] = head(index)
      node.answers['Filecoin.ChainTipSetWeight'] = () => {
        if (index === 0) looks += 1
        return String(weights[index])
      }
    }
    const chain = new EndpointPool({ connections: nodes, clock: systemClock, log: silentLog, lookMs: 2 })
    pools.push(chain)
    await eventually('some looks', 2_000, () => (looks > 5 ? true : undefined))
    expect(chain.url).to.equal('ws://a')
    weights = [10, 11]
    await eventually('b is believed', 2_000, () => (chain.url === 'ws://b' ? true : undefined))
    expect(chain.endpoints.map(({ height, believed }) => [height, believed])).to.deep.equal([
      [0, false],
      [1, true],
    ])
  })

  it('the election: overtaking at each block changes nothing, a lasting lead does', () => {
    const election = new HeadElection(2)
    const heads = (a: number | undefined, b: number | undefined) =>
      [a, b].map(weight => (weight === undefined ? undefined : { height: 1, weight: BigInt(weight) }))
    const seen = [
      [5, 6],
      [7, 6],
      [7, 8],
      [9, 8],
      [9, 10],
      [10, 10],
    ].map(([a, b]) => election.look(heads(a, b)))
    expect(seen).to.deep.equal([0, 0, 0, 0, 0, 0])
    expect([election.look(heads(10, 11)), election.look(heads(11, 12)), election.look(heads(12, 13))]).to.deep.equal([
      0, 0, 1,
    ])
    expect([1, 2, 3].map(() => election.look(heads(20, undefined)))).to.deep.equal([1, 1, 0])
  })

  it('one that fails rests for longer each time, and is well again with the first answer', () => {
    const health = new EndpointHealth()
    health.failed(0)
    expect([health.rests(499), health.rests(500)]).to.deep.equal([true, false])
    health.failed(500)
    expect([health.rests(1_499), health.rests(1_500)]).to.deep.equal([true, false])
    for (let times = 0; times < 20; times++) health.failed(2_000)
    expect(health.rests(32_001)).to.equal(false)
    expect(health.score).to.be.lessThan(0.1)
    health.answered(10)
    expect(health.rests(0)).to.equal(false)
  })

  it('knows which calls may be repeated; what it does not know may not', () => {
    for (const name of ['ChainHead', 'StateMinerInfo', 'MpoolPending', 'GasEstimateMessageGas'])
      expect(callSafety(`Filecoin.${name}`).repeatable, name).to.equal(true)
    for (const name of ['MpoolPush', 'MpoolPushMessage', 'MpoolBatchPush', 'WalletSign', 'Unheard'])
      expect(callSafety(`Filecoin.${name}`).repeatable, name).to.equal(false)
  })
})
