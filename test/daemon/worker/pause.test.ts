import { expect } from 'chai'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import { connectRpc } from '../../../rpc-schema/rpc/connection.js'
import { SealError } from '../../../rpc-schema/seal-error.js'
import { workerService } from '../../../rpc-schema/worker/index.js'
import { WorkerBench } from './support/bench.js'

describe('pause and resume', () => {
  let bench: WorkerBench

  beforeEach(async () => {
    bench = await WorkerBench.make()
  })
  afterEach(() => bench.close())

  const paused = () => bench.until(() => bench.threads[0]!.thread_state.state === 'Paused', 'a pause')
  const finished = () => bench.until(() => bench.manager.sector(1).finalized, 'the end of the sector')

  /** Pauses the thread while `stage` runs; gives what lets the stage end. */
  async function pauseDuring(stage: string): Promise<() => void> {
    let release = (): void => {}
    let running = false
    const held = new Promise<void>(resolve => {
      release = resolve
    })
    bench.processors.gate((call, when) => {
      if (call.stage !== stage || when !== 'before') return
      running = true
      return held
    })
    await bench.start()
    await bench.until(() => running)
    return release
  }

  it('keeps the result of a stage that ends while a pause is pending', async () => {
    const release = await pauseDuring('c2')
    expect(bench.thread.pause()).to.equal(true)
    expect(bench.thread.pause(), 'a second pause').to.equal(false)
    expect(bench.threads[0]!.thread_state).to.deep.include({ state: 'Running', proc: 'fake c2' })
    release()
    await paused()
    const [thread] = bench.threads
    expect(thread).to.deep.include({ job_state: 'C2Done', job_stage: 'SubmitProof', last_error: null })
    expect(bench.manager.sector(1).reports.at(-1)).to.deep.include({
      StateChange: { Prev: 'C1Done', Next: 'C2Done', Event: 'C2' },
      Failure: { Level: 'Permanent', Desc: 'interrupt' },
    })
    expect(await bench.thread.resume()).to.equal(true)
    await finished()
    expect(bench.processors.ran('c2')).to.have.length(1)
  })

  it('pausing a paused thread leaves nothing behind', async () => {
    const release = await pauseDuring('pc1')
    bench.thread.pause()
    release()
    await paused()
    expect(bench.thread.pause()).to.equal(true)
    await bench.thread.resume()
    await finished()
  })

  it('ends a wait', async () => {
    bench.manager.script('WaitSeed', () => ({ ShouldWait: true, Delay: 4_500, Seed: null }))
    await bench.start()
    await bench.settle(
      () => bench.threads[0]!.thread_state.state === 'Waiting' && bench.threads[0]!.job_stage === 'WaitSeed',
    )
    expect(bench.thread.pause()).to.equal(true)
    await bench.settle(() => bench.threads[0]!.thread_state.state === 'Paused')
    await bench.thread.resume()
    await finished()
    expect(bench.manager.called('WaitSeed')).to.have.length(2)
  })

  it('ends the wait for a processor', async () => {
    bench.processors.taken = 'pc2'
    await bench.start()
    await bench.settle(
      () => bench.threads[0]!.thread_state.state === 'Waiting' && bench.threads[0]!.job_state === 'PC1Done',
    )
    expect(bench.thread.pause()).to.equal(true)
    await bench.settle(() => bench.threads[0]!.thread_state.state === 'Paused')
    expect(bench.threads[0]).to.deep.include({ job_state: 'PC1Done', last_error: null })
    bench.processors.taken = undefined
    await bench.thread.resume()
    await finished()
    expect(bench.manager.sector(1).preCommits).to.have.length(1)
  })

  it('a thread that is not paused cannot be resumed', async () => {
    const release = await pauseDuring('pc1')
    expect(await bench.thread.resume()).to.equal(false)
    expect(await bench.thread.resume('NoSuchState')).to.equal(false)
    release()
  })

  it('the state a sector already has runs its step again', async () => {
    let fail = true
    bench.processors.gate(({ stage }) => {
      if (stage === 'c2' && fail) throw new SealError('permanent', 'no GPU')
    })
    await bench.start()
    await paused()
    fail = false
    expect(await bench.thread.resume('C1Done')).to.equal(true)
    await finished()
  })

  it('an earlier state goes on from there: TreeDBuilt gives a new ticket', async () => {
    const release = await pauseDuring('pc2')
    bench.thread.pause()
    release()
    await paused()
    expect(await bench.thread.resume('TreeDBuilt')).to.equal(true)
    await finished()
    const sector = bench.manager.sector(1)
    expect(sector.tickets).to.have.length(2)
    expect(sector.preCommits[0]).to.contain('02'.repeat(32))
    expect(sector.reports.map(report => report.StateChange.Event)).to.include('SetState(TreeDBuilt)')
  })

  it('PC1Done after a whole PC2 starts from clean data', async () => {
    const release = await pauseDuring('pc2')
    bench.thread.pause()
    release()
    await paused()
    expect(bench.threads[0]!.job_state).to.equal('PC2Done')
    expect(await bench.thread.resume('PC1Done')).to.equal(true)
    await finished()
    expect(bench.processors.ran('pc2')).to.have.length(2)
  })

  it('Aborted gives the sector up', async () => {
    const release = await pauseDuring('pc1')
    bench.thread.pause()
    release()
    await paused()
    expect(await bench.thread.resume('Aborted')).to.equal(true)
    await finished()
    expect(bench.manager.sector(1).abortReason).to.equal('aborted by the operator')
  })

  it('tells the manager that a sector is given up even when the manager is away at first', async () => {
    const release = await pauseDuring('pc1')
    bench.thread.pause()
    release()
    await paused()
    await bench.manager.stop()
    await bench.thread.resume('Aborted')
    await bench.settle(() => bench.threads[0]!.last_error !== null)
    await bench.manager.start(bench.manager.port)
    await finished()
    expect(bench.manager.sector(1).abortReason).to.equal('aborted by the operator')
  })

  it('states in which the sector cannot go on are refused with the reason', async () => {
    const release = await pauseDuring('pc1')
    bench.thread.pause()
    release()
    await paused()
    const refusal = (state: string): Promise<string> =>
      bench.thread.resume(state).then(
        () => 'resumed',
        (error: Error) => error.message,
      )
    expect(await refusal('NoSuchState')).to.match(/^unknown state "NoSuchState"/)
    expect(await refusal('C1Done')).to.equal('the sector cannot go on in C1Done: its record lacks c1out')
    expect(await refusal('SnapEncoded')).to.equal('plan sealer has no state SnapEncoded')
    expect(await refusal('Empty')).to.match(/Aborted gives it up/)
    expect(bench.threads[0]!.thread_state.state).to.equal('Paused')
  })

  it('works through the API, with its codes', async () => {
    const release = await pauseDuring('c2')
    const connection = connectRpc(bench.worker!.address, { path: '/' })
    const client = rpcClient(workerService, connection)
    try {
      expect(await client.WorkerPause(0)).to.equal(true)
      expect(await client.WorkerPause(0)).to.equal(false)
      expect(await client.WorkerResume(0, null)).to.equal(false)
      const code = (call: Promise<unknown>) =>
        call.then(
          () => 0,
          (error: { code: number; message: string }) => error,
        )
      expect(await code(client.WorkerPause(9))).to.deep.include({ code: -32602, message: 'worker #9 not found' })
      release()
      await paused()
      expect(await code(client.WorkerResume(0, 'NoSuchState'))).to.deep.include({ code: -32602 })
      const [thread] = await client.WorkerList()
      expect(thread).to.deep.equal({
        index: 0,
        job_id: 's-t010000-1',
        job_stage: 'SubmitProof',
        job_state: 'C2Done',
        last_error: null,
        location: bench.thread.location,
        plan: 'sealer',
        thread_state: { state: 'Paused', elapsed: 0 },
      })
      expect(await client.WorkerResume(0, null)).to.equal(true)
      await client.WorkerSetEnv('FOO_X', 'bar')
      await client.WorkerRemoveEnv('NOPE')
      expect(await code(client.WorkerSetEnv('A=B', 'x'))).to.deep.include({
        code: -32602,
        message: 'invalid environment variable name or value',
      })
    } finally {
      await connection.close()
    }
  })

  it('pings the manager with its threads in numbers', async () => {
    bench.more = '[metrics]\n'
    const release = await pauseDuring('pc1')
    // There may have been pings before the sector was allocated: the one that counts comes now.
    const before = bench.manager.called('WorkerPing').length
    bench.clock.advance(30_000)
    await bench.settle(() => bench.manager.called('WorkerPing').length > before)
    const ping = bench.manager.called('WorkerPing').at(-1)
    const { port } = new URL(bench.worker!.address)
    expect(ping!.params[0]).to.deep.include({ Name: 'bench', Dest: `127.0.0.1:${port}` })
    expect(ping!.params[0].Summary).to.deep.equal({
      Threads: 1,
      Empty: 0,
      Paused: 0,
      Running: 1,
      Waiting: 0,
      Errors: 0,
    })
    release()
  })
})
