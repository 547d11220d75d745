import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { type RunningDevnet, startDevnet } from '../../../../daemon/devnet/devnet.js'
import { systemClock } from '../../../../daemon/kit/clock.js'
import { silentLog } from '../../../../daemon/kit/log.js'
import { ChainNode } from '../../../../daemon/manager/chain/chain-node.js'
import { type HeadMove, HeadTracker } from '../../../../daemon/manager/chain/head-tracker.js'
import { DEFAULT_HEARTBEAT_MS } from '../../../../rpc-schema/rpc/connection.js'
import { RpcTransportError } from '../../../../rpc-schema/rpc/error.js'
import { WebSocketConnection } from '../../../../rpc-schema/rpc/ws-connection.js'
import { eventually } from '../../../harness/eventually.js'
import { SilentProxy } from '../../../harness/silent-proxy.js'
import { fastClock } from '../manager-bench.js'

const HEARTBEAT_MS = 40

describe('manager: a chain node that goes silent', function () {
  this.timeout(20_000)
  const dir = mkdtempSync(join(tmpdir(), 'silent-close-'))
  let devnet: RunningDevnet
  let proxy: SilentProxy
  let address: string

  before(async () => {
    devnet = await startDevnet({ home: dir, manual: true })
    proxy = new SilentProxy(devnet.address)
    address = await proxy.listen()
  })
  after(async () => {
    await proxy?.close()
    await devnet?.stop()
    rmSync(dir, { recursive: true, force: true })
  })

  it('is noticed in less than 30 s with the default heartbeat', () => {
    expect(2 * DEFAULT_HEARTBEAT_MS).to.be.lessThan(30_000)
  })

  it('fault 8: the heartbeat finds it, the subscription is renewed, and missed heads are known by walking', async () => {
    const node = ChainNode.connect([`ws://${address}`], {
      token: '',
      clock: systemClock,
      log: silentLog,
      heartbeatMs: HEARTBEAT_MS,
    })
    const heads = new HeadTracker({ node, clock: fastClock(20), log: silentLog, maxPollMs: 1_000 })
    const moves: HeadMove[] = []
    heads.subscribe(move => moves.push(move))
    heads.start()
    try {
      const first = await eventually('the first head', 5_000, () => heads.last)
      proxy.silence()
      // What happens meanwhile: heads without a notice, a fork, null rounds.
      await devnet.chain.produce()
      await devnet.chain.produce()
      const reached = await eventually('the missed head', 10_000, () =>
        heads.last !== undefined && heads.last.Height >= first.Height + 2 ? heads.last : undefined,
      )
      expect(proxy.accepted).to.be.greaterThan(1)
      expect(moves.at(-1)!.undoneFrom).to.equal(undefined)
      const path = await heads.path(moves.at(-1)!)
      expect(path.complete).to.equal(true)
      expect(path.applied.at(-1)!.Cids).to.deep.equal(reached.Cids)
      expect(path.applied.map(({ Height }) => Height)).to.deep.equal([first.Height + 1, first.Height + 2])
      expect(path.reverted).to.deep.equal([])
    } finally {
      await heads.stop()
      await node.close()
    }
  })

  it('calls in flight fail as possibly sent; one that never left says so', async () => {
    const endpoint = { scheme: 'ws', authority: address, path: '/rpc/v1', token: undefined } as const
    const connection = new WebSocketConnection(endpoint, {}, 10_000, HEARTBEAT_MS)
    await connection.call('Filecoin.ChainHead', [])
    proxy.silence()
    const flying = await connection.call('Filecoin.ChainHead', []).catch((error: unknown) => error)
    expect(flying).to.be.instanceOf(RpcTransportError)
    expect((flying as RpcTransportError).sent).to.equal(true)
    expect((flying as Error).message).to.match(/no answer to a ping/)
    expect(await connection.call('Filecoin.ChainHead', []), 'it dials again').to.have.property('Height')
    await connection.close()
    const nobody = new WebSocketConnection({ ...endpoint, authority: '127.0.0.1:1' }, {}, 10_000, HEARTBEAT_MS)
    const unsent = await nobody.call('Filecoin.ChainHead', []).catch((error: unknown) => error)
    expect((unsent as RpcTransportError).sent).to.equal(false)
    await nobody.close()
  })
})
