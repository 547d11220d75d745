import { expect } from 'chai'
import type { C2Maker } from '../../../daemon/gpuproxy/worker/c2-maker.js'
import { systemClock } from '../../../daemon/kit/clock.js'
import { Tokens } from '../../../daemon/kit/rpc/tokens.js'
import { eventually } from '../../harness/eventually.js'
import { onEachDatabase } from '../../harness/on-each-database.js'
import { ProxyUnderTest, proofFor, resource } from './proxy-under-test.js'

const LIMIT_MS = 10_000

/** Ends no proof before two are at work at once, and counts how many there ever were. */
const prover = (): C2Maker & { most: number } => {
  let now = 0
  let meet = (): void => {}
  const met = new Promise<void>(resolve => {
    meet = resolve
  })
  const maker = {
    most: 0,
    prove: async (document: Uint8Array) => {
      now += 1
      maker.most = Math.max(maker.most, now)
      if (now === 2) meet()
      await met
      now -= 1
      return proofFor(JSON.parse(Buffer.from(document).toString()).sector_id)
    },
    close: () => Promise.resolve(),
  }
  return maker
}

onEachDatabase('gpuproxy: the worker in the server', database => {
  for (const where of ['fs', 'db'] as const) {
    it(`S000-7: proves by the same calls as all others, with documents in the ${where}`, async () => {
      const dsn = await database.fresh()
      const maker = prover()
      const tokens = new Tokens(Buffer.alloc(32, 7))
      const proxy = await ProxyUnderTest.start({
        ...(dsn !== ':memory:' && { dsn }),
        ...(where === 'db' && { resourceDir: undefined }),
        clock: systemClock,
        tokens,
        worker: { maxTasks: 2, types: [0], maker, pace: { idleMs: 10 } },
      })
      proxy.token = tokens.issue(['read', 'write'])
      try {
        const ids = await Promise.all([1, 2, 3, 4].map(sector => proxy.add(sector)))
        for (const id of ids)
          await eventually(id, LIMIT_MS, async () => (await proxy.proof.GetTask(id)).state === 4 || undefined)
        expect(maker.most).to.equal(2)
        const [worker] = await proxy.proof.ListWorker()
        expect(worker).to.deep.include({ ips: '127.0.0.1', supportTypes: 'C2' })
        expect((await proxy.lease.WorkerStatistics())[0]).to.deep.include({ workerId: worker!.workerId, proven: 4 })
      } finally {
        await proxy.stop()
      }
    })
  }

  it('gives back what it has not finished when the server stops', async () => {
    const dsn = await database.fresh()
    let begun = (): void => {}
    const beginning = new Promise<void>(resolve => {
      begun = resolve
    })
    const never: C2Maker = {
      prove: (_, signal) => {
        begun()
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
      },
      close: () => Promise.resolve(),
    }
    const more = dsn === ':memory:' ? {} : { dsn }
    const proxy = await ProxyUnderTest.start({
      ...more,
      clock: systemClock,
      worker: { maxTasks: 1, types: null, maker: never, pace: { idleMs: 10 } },
    })
    const id = await proxy.add(1)
    await beginning
    await proxy.halt()
    await proxy.run({ worker: undefined })
    expect(await proxy.lease.ShowTask(id)).to.deep.include({ state: 1, attempts: 0 })
    await proxy.stop()
  })
})

describe('gpuproxy: tokens', () => {
  const tokens = new Tokens(Buffer.alloc(32, 7))
  let proxy: ProxyUnderTest

  before(async () => {
    proxy = await ProxyUnderTest.start({ tokens })
  })
  after(() => proxy.stop())

  const outcome = async (token: string | undefined, call: () => Promise<unknown>): Promise<string> => {
    proxy.token = token
    return call().then(
      () => 'done',
      (error: Error) => error.message,
    )
  }
  const add = () => proxy.proof.AddTask('t01000', '', 0, resource(1))

  it('without one, or with another server’s, nothing is answered and nothing done', async () => {
    const foreign = new Tokens(Buffer.alloc(32, 8)).issue(['read', 'write', 'sign', 'admin'])
    for (const token of [undefined, foreign, 'nonsense']) {
      expect(await outcome(token, add)).to.match(/401/)
      expect(await outcome(token, () => proxy.proof.GetResourceInfo('x'))).to.match(/401/)
    }
    expect(proxy.resources).to.deep.equal([])
  })

  it('each opens what it permits: reading, submitting and proving, steering', async () => {
    const [read, write, admin] = [['read'], ['read', 'write'], ['read', 'write', 'sign', 'admin']].map(permissions =>
      tokens.issue(permissions),
    )
    const list = () => proxy.proof.ListTask(null, null)
    const remove = () => proxy.lease.RemoveTasks(['x'])
    const reset = () => proxy.proof.UpdateStatusById(['x'], 1)
    expect(await outcome(read, list)).to.equal('done')
    for (const call of [add, reset, remove]) expect(await outcome(read, call)).to.match(/missing permission to invoke/)
    for (const call of [add, reset, list]) expect(await outcome(write, call)).to.equal('done')
    expect(await outcome(write, remove)).to.match(/need 'admin'/)
    expect(await outcome(admin, remove)).to.equal('done')
  })
})
