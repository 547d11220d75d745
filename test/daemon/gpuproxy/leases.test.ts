import { expect } from 'chai'
import { onEachDatabase } from '../../harness/on-each-database.js'
import { ProxyUnderTest, proofFor } from './proxy-under-test.js'

const LEASE_MS = 60_000

onEachDatabase('gpuproxy: leases', database => {
  let proxy: ProxyUnderTest
  let currentDsn: string

  beforeEach(async () => {
    const dsn = await database.fresh()
    currentDsn = dsn
    proxy = await ProxyUnderTest.start(dsn === ':memory:' ? {} : { dsn })
  })
  afterEach(() => proxy.stop())

  const claim = async (worker: string) => {
    const given = await proxy.lease.Claim(worker, null, LEASE_MS)
    return given && { id: given.task.id, fence: given.fence }
  }
  /** Lets time pass, and the server look. */
  const pass = async (ms: number): Promise<void> => {
    proxy.clock.advance(ms)
    for (let turns = 0; turns < 20; turns++) await new Promise(resolve => setImmediate(resolve))
  }
  const takenBack = async (id: string): Promise<void> => {
    while ((await proxy.lease.ShowTask(id))!.state === 2) await pass(6_000)
  }

  it('the task of a dead worker goes to another, and a late proof of the first is taken when it is good', async () => {
    const id = await proxy.add(1)
    const first = (await claim('w1'))!
    expect(await claim('w2')).to.equal(null)
    await pass(LEASE_MS)
    await takenBack(id)
    await pass(60_000)
    const second = (await claim('w2'))!
    expect(second.fence).to.equal(first.fence + 1)
    expect(await proxy.lease.Heartbeat('w1', [first], LEASE_MS)).to.deep.equal([id])
    expect(await proxy.lease.Fail('w1', first, 'late', false)).to.equal('stale')
    expect(await proxy.lease.Complete('w1', first, proofFor(1))).to.equal('recorded')
    expect(await proxy.lease.Complete('w2', second, proofFor(1)), 'not twice').to.equal('known')
    expect((await proxy.proof.GetTask(id)).workerId).to.equal('w1')
  })

  it('where proofs cannot be checked, only a good claim counts', async () => {
    const id = await proxy.add(1)
    const first = (await claim('w1'))!
    await pass(LEASE_MS)
    await takenBack(id)
    proxy.proofs.knows = false
    expect(await proxy.lease.Complete('w1', first, proofFor(1))).to.equal('stale')
    await pass(60_000)
    const second = (await claim('w2'))!
    expect(await proxy.lease.Complete('w2', second, proofFor(1))).to.equal('recorded')
  })

  it('a heartbeat keeps it; so does the report of a worker that knows no leases', async () => {
    const id = await proxy.add(1)
    const held = (await claim('w1'))!
    for (let minutes = 0; minutes < 5; minutes++) {
      await pass(LEASE_MS / 2)
      expect(await proxy.lease.Heartbeat('w1', [held], LEASE_MS)).to.deep.equal([])
    }
    expect((await proxy.proof.GetTask(id)).workerId).to.equal('w1')
    const other = await proxy.add(2)
    await proxy.proof.FetchTodo('old', null)
    for (let minutes = 0; minutes < 20; minutes++) {
      await pass(60_000)
      await proxy.proof.ReportWorkerInfo('old', '', '')
    }
    expect((await proxy.lease.ShowTask(other))!.state).to.equal(2)
  })

  it('a proof that does not verify costs its worker the task and, for a while, all others', async () => {
    await proxy.add(1)
    await proxy.add(2)
    const held = (await claim('bad'))!
    const { id } = held
    expect(await proxy.lease.Complete('bad', held, proofFor(99))).to.equal('invalid')
    expect(await claim('bad')).to.equal(null)
    const task = (await proxy.lease.ShowTask(id))!
    expect(task).to.deep.include({ state: 1, proven: false })
    expect(task.errorMsg).to.include('does not verify')
    const [record] = await proxy.lease.WorkerStatistics()
    expect(record).to.deep.include({ workerId: 'bad', claimed: 1, invalid: 1, proven: 0 })
    expect(record!.probationUntil).to.be.greaterThan(proxy.clock.now())
    expect((await claim('good'))!.id).to.not.equal(id)
    await pass(11 * 60_000)
    expect(await claim('bad'), 'it may try again').to.not.equal(null)
  })

  it('tasks are shown, reset, cancelled and removed', async () => {
    const ids = [await proxy.add(1), await proxy.add(2), await proxy.add(3, 't01001')]
    const held = (await claim('w1'))!
    expect(await proxy.lease.CancelTasks([held.id], 'not needed')).to.equal(1)
    expect(await proxy.lease.Complete('w1', held, proofFor(99)), 'its claim is gone').to.equal('invalid')
    expect((await proxy.lease.ShowTask(held.id))!).to.deep.include({ state: 3, errorMsg: 'not needed' })
    expect(await proxy.lease.ResetTasks([held.id])).to.equal(1)
    const page = await proxy.lease.Tasks({ states: null, miners: ['t01001'], workers: null }, null, 10)
    expect(page.tasks.map(({ id }) => id)).to.deep.equal([ids[2]])
    expect(await proxy.lease.RemoveTasks(ids)).to.equal(3)
    expect(proxy.resources).to.deep.equal([])
    expect(await proxy.lease.ShowTask(ids[0]!)).to.equal(null)
  })

  it('that ended while the server was away are good for two minutes more', async () => {
    const id = await proxy.add(1)
    const held = (await claim('w1'))!
    const dsn = database.name === 'SQLite' ? {} : { dsn: currentDsn }
    await proxy.halt()
    proxy.clock.advance(3_600_000)
    await proxy.run(dsn)
    await pass(6_000)
    expect(await proxy.lease.ShowTask(id)).to.deep.include({ state: 2, workerId: 'w1' })
    expect(await proxy.lease.Heartbeat('w1', [held], LEASE_MS)).to.deep.equal([])
    await pass(LEASE_MS)
    await takenBack(id)
  })

  it('go on after a restart', async () => {
    if (database.name === 'SQLite') {
      const id = await proxy.add(1)
      const held = (await claim('w1'))!
      await proxy.halt()
      await proxy.run()
      expect(await proxy.lease.Heartbeat('w1', [held], LEASE_MS)).to.deep.equal([])
      expect(await proxy.lease.Complete('w1', held, proofFor(1))).to.equal('recorded')
      expect((await proxy.proof.GetTask(id)).state).to.equal(4)
    }
  })
})
