import { createServer } from 'node:net'
import { expect } from 'chai'
import { silentLog } from '../../../daemon/kit/log.js'
import { MasterConfig } from '../../../daemon/wdpost/master/master-config.js'
import { RPC_PATH, type RunningMaster, startMaster } from '../../../daemon/wdpost/master/start-master.js'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import { type Connection, connectRpc } from '../../../rpc-schema/rpc/connection.js'
import { windowTaskService } from '../../../rpc-schema/wdpost/index.js'
import { eventually } from '../../harness/eventually.js'

describe('wdpost: master', () => {
  const connections: Connection[] = []
  let master: RunningMaster | undefined

  afterEach(async () => {
    await Promise.all(connections.splice(0).map(connection => connection.close()))
    await master?.stop()
    master = undefined
  })

  async function start(server: object = {}): Promise<void> {
    const config = MasterConfig.parse({ server: { listen: '127.0.0.1:0', ...server }, db: { url: 'sqlite::memory:' } })
    master = await startMaster({ config, version: 'v0-test', log: silentLog })
  }

  function connect(token?: string) {
    const connection = connectRpc(`ws://${master!.address}`, { path: RPC_PATH, ...(token && { token }) })
    connections.push(connection)
    return rpcClient(windowTaskService, connection)
  }

  const failure = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => 'no failure',
      (error: Error) => error.message,
    )

  it('S001-9 S003-62: serves tasks to slaves, max_connections at the same time', async () => {
    await start({ max_connections: 1 })
    const first = connect()
    expect(await first.Claim('s1', null)).to.equal(null)
    expect(await failure(connect().Claim('s2', null))).to.match(/^connection to /)
    await connections[0]!.close()
    expect(
      await eventually('a free place', 5_000, async () => (await connect().Claim('s3', null)) === null || undefined),
    ).to.equal(true)
  })

  it('with a token, only slaves that show it are served', async () => {
    await start({ token: 'secret' })
    expect(await failure(connect().Claim('s1', null))).to.include('401')
    expect(await failure(connect('other').Claim('s1', null))).to.include('401')
    expect(await connect('secret').Claim('s1', null)).to.equal(null)
  })

  it('gets its port as soon as the master before it has ended', async () => {
    const before = createServer()
    const port = await new Promise<number>(resolve =>
      before.listen(0, '127.0.0.1', () => resolve((before.address() as { port: number }).port)),
    )
    const started = start({ listen: `127.0.0.1:${port}` })
    started.catch(() => {})
    setTimeout(() => before.close(), 300)
    await started
    expect(master!.address).to.equal(`127.0.0.1:${port}`)
  })

  it('a request through it is proven by a slave', async () => {
    await start()
    const seed = new Uint8Array(32)
    const replicas = [{ sector_id: 7, comm_r: seed, cache_dir: '/c', sealed_file: '/s' }]
    let signs = 0
    const proof = master!.prove(
      { miner_id: 1000, proof_type: 10, replicas, seed },
      {
        signal: new AbortController().signal,
        onSign: () => {
          signs += 1
        },
      },
    )
    const slave = connect()
    const given = await eventually('a task', 5_000, async () => (await slave.Claim('s1', [2_048])) ?? undefined)
    expect(await slave.Heartbeat('s1', [given.claim])).to.deep.equal([])
    expect(await slave.Complete('s1', given.claim, { proofs: [], faults: [7] })).to.equal('recorded')
    expect(await proof).to.deep.equal({ proofs: [], faults: [7] })
    expect(signs).to.be.greaterThan(0)
  })
})
