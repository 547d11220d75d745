import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import { pino } from 'pino'
import { allowedPoStProofs } from '../../../../daemon/worker/wdpost/wdpost-plan.js'
import type { WdPoStAllocatedJob, WdPoStSectorInfo } from '../../../../rpc-schema/manager/wdpost-job.js'
import { RpcError } from '../../../../rpc-schema/rpc/error.js'
import { WorkerBench } from '../support/bench.js'

const MINER = 10_000
const COMM_R = new Uint8Array(32).fill(5)
const SEED = new Uint8Array(32).fill(6)

const sector = (number: number, changes: Partial<WdPoStSectorInfo> = {}): WdPoStSectorInfo => ({
  SectorId: number,
  CommR: COMM_R,
  Upgrade: false,
  Accesses: { SealedFile: 'persist1', CacheDir: 'persist1' },
  ...changes,
})
const job = (id: string, sectors = [sector(1)], proof = 'StackedDrgWindow2KiBV1_2'): WdPoStAllocatedJob => ({
  Id: id,
  Input: { Sectors: sectors, MinerId: MINER, ProofType: proof, Seed: SEED },
})

describe('wdpost plan', () => {
  let bench: WorkerBench

  beforeEach(async () => {
    bench = await WorkerBench.make()
    bench.plan = 'wdpost'
    bench.sealing = 'seal_interval = "1h"\nrecover_interval = "10s"\nmax_retries = 2\nallowed_miners = [10000]'
    for (const file of ['sealed/s-t010000-1', 'cache/s-t010000-1/p_aux']) await persist(file)
  })
  afterEach(() => bench.close())

  async function persist(file: string): Promise<void> {
    await mkdir(dirname(join(bench.persist, file)), { recursive: true })
    await writeFile(join(bench.persist, file), 'as sealed')
  }

  const finishedJob = (id: string) => bench.manager.finishedJobs.find(finished => finished.id === id)
  const handedIn = (id: string) => bench.until(() => finishedJob(id) !== undefined, `the end of ${id}`)
  const beats = () => bench.manager.called('WdPoStHeartbeatJobs').length
  const is = (state: string) => () => bench.threads[0]!.thread_state.state === state

  /** Holds the proving until the returned function is called. */
  async function proving(id: string): Promise<() => void> {
    let release = (): void => {}
    let running = false
    const held = new Promise<void>(resolve => {
      release = resolve
    })
    bench.processors.gate((call, when) => {
      if (call.stage !== 'window_post' || when !== 'before') return
      running = true
      return held
    })
    bench.manager.jobs.push(job(id))
    await bench.start()
    await bench.settle(() => running)
    return release
  }

  /** Lets the next heartbeats go out, each when the one before has come back. */
  async function beat(times: number): Promise<void> {
    const asleep = bench.clock.sleepers
    for (let time = 0; time < times; time += 1) {
      const before = beats()
      await bench.settle(() => bench.clock.sleepers >= asleep)
      bench.clock.advance(3_000)
      await bench.settle(() => beats() > before, 'a heartbeat')
    }
  }

  it('S001-19 S001-25 S001-26 S004-43: takes a job, proves it and hands it in, without a store', async () => {
    bench.manager.jobs.push(job('job1'))
    await bench.start()
    await handedIn('job1')
    expect(bench.manager.called('WdPoStAllocateJobs')[0]!.params).to.deep.equal([
      {
        AllowedMiners: [MINER],
        AllowedProofTypes: ['StackedDrgWinning2KiBV1', 'StackedDrgWindow2KiBV1', 'StackedDrgWindow2KiBV1_2'],
      },
      1,
      'bench',
    ])
    expect(bench.processors.limits).to.deep.equal(['window_post'])
    expect(bench.processors.ran('window_post')[0]!.task).to.deep.equal({
      miner_id: MINER,
      proof_type: 10,
      replicas: [
        {
          sector_id: 1,
          comm_r: COMM_R,
          sealed_file: join(bench.persist, 'sealed/s-t010000-1'),
          cache_dir: join(bench.persist, 'cache/s-t010000-1'),
        },
      ],
      seed: SEED,
    })
    const { output, reason } = finishedJob('job1')!
    expect(output!.proofs).to.have.length(1)
    expect(output!.faults).to.deep.equal([])
    expect(reason).to.equal('')
    expect(bench.manager.called('ReportState')).to.deep.equal([])
  })

  it('S001-25: a thread without a store is listed with - for its place, and looks for no settings', async () => {
    await bench.start()
    expect(bench.thread.hot).to.equal(undefined)
    expect(bench.threads[0]).to.deep.include({ index: 0, location: '-', plan: 'wdpost', job_id: null })
  })

  it('shows the job while it is proven', async () => {
    const release = await proving('job1')
    expect(bench.threads[0]).to.deep.include({ job_id: 'job1', job_state: 'Allocated', job_stage: 'Generate' })
    expect(bench.threads[0]!.thread_state).to.include({ state: 'Running', proc: 'fake window_post' })
    release()
    await handedIn('job1')
    await bench.settle(is('Idle'))
    expect(bench.threads[0]).to.deep.include({ job_id: null, job_state: '', last_error: null })
  })

  it('names the proofs of its sizes in a fixed order', () => {
    const names = allowedPoStProofs([64 * 1024 ** 3, 2048, 2048])
    expect(names).to.deep.equal([
      'StackedDrgWinning64GiBV1',
      'StackedDrgWindow64GiBV1',
      'StackedDrgWindow64GiBV1_2',
      'StackedDrgWinning2KiBV1',
      'StackedDrgWindow2KiBV1',
      'StackedDrgWindow2KiBV1_2',
    ])
    expect(allowedPoStProofs(undefined)).to.deep.equal([])
  })

  it('asks again after recover_interval as long as there is nothing, without ever pausing', async () => {
    await bench.start()
    await bench.settle(() => bench.manager.called('WdPoStAllocateJobs').length === 1)
    const start = bench.clock.now()
    await bench.until(() => bench.manager.called('WdPoStAllocateJobs').length === 9)
    expect(bench.clock.now() - start)
      .to.be.at.least(80_000)
      .and.at.most(90_000)
    bench.manager.jobs.push(job('job1'))
    await handedIn('job1')
  })

  it('says once that a manager has no jobs for workers, and goes on when it has', async () => {
    const warnings: string[] = []
    bench.log = pino({ level: 'warn' }, { write: line => void warnings.push(JSON.parse(line).msg) })
    const missing = (): never => {
      throw new RpcError(-32601, "method 'Venus.WdPoStAllocateJobs' not found")
    }
    bench.manager.script('WdPoStAllocateJobs', missing, missing, missing)
    await bench.start()
    await bench.until(() => bench.manager.called('WdPoStAllocateJobs').length === 4)
    expect(warnings.filter(text => text.startsWith('worker-prover not enabled'))).to.have.length(1)
    bench.manager.jobs.push(job('job1'))
    await handedIn('job1')
  })

  it('finds the files of upgraded sectors, and of such that lie in two stores', async () => {
    const second = join(bench.dir, 'persist2')
    await mkdir(second)
    bench.manager.stores.add('persist2')
    bench.more = `[[attached]]\nname = "persist2"\nlocation = "${second}"`
    const sectors = [
      sector(2, { Upgrade: true }),
      sector(3, { Accesses: { SealedFile: 'persist2', CacheDir: 'persist1' } }),
    ]
    bench.manager.jobs.push(job('job1', sectors))
    await bench.start()
    await handedIn('job1')
    const replicas: Record<string, string>[] = bench.processors.ran('window_post')[0]!.task.replicas
    expect(replicas.map(({ sealed_file, cache_dir }) => [sealed_file, cache_dir])).to.deep.equal([
      [join(bench.persist, 'update/s-t010000-2'), join(bench.persist, 'update-cache/s-t010000-2')],
      [join(second, 'sealed/s-t010000-3'), join(bench.persist, 'cache/s-t010000-3')],
    ])
    expect(finishedJob('job1')).to.deep.include({ output: { proofs: [], faults: [2, 3] }, reason: '' })
  })

  it('S001-29: several threads work at the same time', async () => {
    bench.threadCount = 3
    bench.manager.jobs.push(job('a'), job('b'), job('c'))
    let running = 0
    let release = (): void => {}
    const all = new Promise<void>(resolve => {
      release = resolve
    })
    bench.processors.gate((_, when) => {
      if (when !== 'before') return
      running += 1
      if (running === 3) release()
      return all
    })
    await bench.start()
    await bench.until(() => bench.manager.finishedJobs.length === 3)
    expect(bench.manager.finishedJobs.map(({ id }) => id).sort()).to.deep.equal(['a', 'b', 'c'])
  })

  describe('heartbeats', () => {
    it('S001-22: go out every 3 s from the start until the end', async () => {
      const release = await proving('job1')
      expect(beats()).to.equal(0)
      await beat(3)
      expect(bench.manager.called('WdPoStHeartbeatJobs')[0]!.params).to.deep.equal([['job1'], 'bench'])
      release()
      await handedIn('job1')
      await bench.settle(is('Idle'))
      const then = beats()
      for (const pings of [1, 2, 3]) {
        // The thread, and the next ping.
        await bench.settle(() => bench.clock.sleepers >= 2)
        bench.clock.advance(30_000)
        await bench.settle(() => bench.manager.called('WorkerPing').length >= pings)
      }
      expect(beats()).to.equal(then)
    })

    it('go out while the job waits for a processor', async () => {
      bench.processors.taken = 'window_post'
      bench.manager.jobs.push(job('job1'))
      await bench.start()
      await bench.settle(is('Waiting'))
      await beat(2)
    })

    it('that fail now and then do not end the job', async () => {
      const release = await proving('job1')
      const refuse = (): never => {
        throw new RpcError(1, 'key not found')
      }
      bench.manager.script('WdPoStHeartbeatJobs', refuse, refuse, refuse, refuse, () => undefined, refuse, refuse)
      await beat(8)
      release()
      await handedIn('job1')
      expect(finishedJob('job1')!.reason).to.equal('')
    })

    it('refused for 15 s end the wait of a job that the manager does not know any more', async () => {
      bench.processors.taken = 'window_post'
      bench.manager.jobs.push(job('job1'))
      await bench.start()
      await bench.settle(is('Waiting'))
      bench.manager.runningJobs.delete('job1')
      await beat(5)
      await bench.settle(() => bench.threads[0]!.job_id === null)
      expect(bench.manager.called('WdPoStFinishJob')).to.deep.equal([])
      expect(bench.threads[0]!.thread_state.state).to.equal('Idle')
    })

    it('refused for 15 s do not waste a proof that is being made: it is offered once', async () => {
      const release = await proving('job1')
      bench.manager.runningJobs.delete('job1')
      await beat(5)
      release()
      await bench.settle(() => bench.threads[0]!.job_id === null)
      expect(bench.manager.called('WdPoStFinishJob')).to.have.length(1)
    })
  })

  describe('a failure is a result', () => {
    it('of the processor', async () => {
      bench.manager.jobs.push(job('job1'))
      bench.processors.gate(() => {
        throw new Error('out of memory')
      })
      await bench.start()
      await handedIn('job1')
      expect(finishedJob('job1')).to.deep.include({ output: null, reason: 'out of memory' })
      await bench.settle(is('Idle'))
      expect(bench.threads[0]!.last_error).to.contain('out of memory')
    })

    it('of a store that is not attached: the manager hears it at once', async () => {
      const elsewhere = { SealedFile: 'persist1', CacheDir: 'persist7' }
      bench.manager.jobs.push(job('job1', [sector(1), sector(2, { Accesses: elsewhere })]))
      await bench.start()
      await handedIn('job1')
      expect(finishedJob('job1')).to.deep.include({
        output: null,
        reason: 'not attached to this worker: "persist7" (attached: persist1)',
      })
      expect(bench.processors.calls).to.deep.equal([])
    })

    it('of a proof type that nobody knows', async () => {
      bench.manager.jobs.push(job('job1', [sector(1)], 'StackedDrgWindow1KiBV9'))
      await bench.start()
      await handedIn('job1')
      expect(finishedJob('job1')!.reason).to.match(/unknown PoSt proof name/)
    })

    it('and the next job is taken', async () => {
      bench.manager.jobs.push(job('job1', [sector(1)], 'x'), job('job2'))
      await bench.start()
      await handedIn('job2')
      expect(finishedJob('job2')!.reason).to.equal('')
      await bench.settle(is('Idle'))
      expect(bench.threads[0]!.last_error).to.equal(null)
    })
  })

  describe('handing in', () => {
    it('goes on as long as the manager is away, with heartbeats', async () => {
      const release = await proving('job1')
      const { port } = bench.manager
      await bench.manager.stop()
      release()
      await bench.settle(() => (bench.threads[0]!.last_error ?? '').includes('manager unreachable'))
      for (let time = 0; time < 12; time += 1) {
        await bench.settle(is('Waiting'))
        bench.clock.advance(3_000)
        await bench.settle(() => bench.clock.sleepers >= 2)
      }
      expect(bench.threads[0]).to.deep.include({ job_id: 'job1', job_state: 'Generated', job_stage: 'SubmitProof' })
      await bench.manager.start(port)
      await handedIn('job1')
      expect(finishedJob('job1')!.output!.proofs).to.have.length(1)
      await bench.settle(is('Idle'))
      expect(bench.threads[0]!.last_error).to.equal(null)
    })

    it('is given up when the manager refuses it again and again; the thread goes on', async () => {
      const refuse = (): never => {
        throw new RpcError(1, 'disk full')
      }
      bench.manager.script('WdPoStFinishJob', refuse, refuse, refuse)
      bench.manager.jobs.push(job('job1'), job('job2'))
      await bench.start()
      await handedIn('job2')
      expect(bench.manager.called('WdPoStFinishJob').map(call => call.params[0])).to.deep.equal([
        'job1',
        'job1',
        'job1',
        'job2',
      ])
    })
  })

  describe('a pause', () => {
    it('before the proof gives the job back at once', async () => {
      bench.processors.taken = 'window_post'
      bench.manager.jobs.push(job('job1'))
      await bench.start()
      await bench.settle(is('Waiting'))
      expect(bench.thread.pause()).to.equal(true)
      await bench.settle(is('Paused'))
      expect(finishedJob('job1')).to.deep.include({
        output: null,
        reason: 'the worker was told to pause or to stop before the proof was made',
      })
      expect(bench.threads[0]).to.deep.include({ job_id: null, last_error: null })
      bench.processors.taken = undefined
      bench.manager.jobs.push(job('job2'))
      await bench.thread.resume()
      await handedIn('job2')
    })

    it('while a proof is made waits for it, and it is handed in', async () => {
      const release = await proving('job1')
      bench.thread.pause()
      release()
      await bench.settle(is('Paused'))
      expect(finishedJob('job1')!.output!.proofs).to.have.length(1)
    })

    it('keeps a proof that could not be handed in', async () => {
      const release = await proving('job1')
      const { port } = bench.manager
      await bench.manager.stop()
      bench.thread.pause()
      release()
      await bench.settle(is('Paused'))
      expect(bench.threads[0]).to.deep.include({ job_id: 'job1', job_state: 'Generated' })
      await bench.manager.start(port)
      await bench.thread.resume()
      await handedIn('job1')
      expect(bench.processors.ran('window_post')).to.have.length(1)
    })

    it('lets an operator drop such a job, and do nothing else with it', async () => {
      const release = await proving('job1')
      const { port } = bench.manager
      await bench.manager.stop()
      bench.thread.pause()
      release()
      await bench.settle(is('Paused'))
      await bench.manager.start(port)
      const refused = await bench.thread.resume('PC1Done').catch((error: Error) => error)
      expect(refused).to.be.instanceOf(RangeError)
      await bench.thread.resume('Aborted')
      await handedIn('job1')
      expect(finishedJob('job1')).to.deep.include({ output: null, reason: 'given up by the operator' })
    })
  })

  it('a stop while a proof is made leaves the job to the missing heartbeats', async () => {
    await proving('job1')
    await beat(1)
    await bench.stop()
    expect(bench.clock.sleepers).to.equal(0)
    expect(bench.manager.called('WdPoStFinishJob')).to.deep.equal([])
  })

  it('a thread with a store can be given the plan in its settings, and another again', async () => {
    bench.plan = undefined
    bench.sealing = 'seal_interval = "10s"\nrecover_interval = "10s"'
    await mkdir(bench.store)
    await rm(bench.store, { recursive: true })
    await bench.start()
    await bench.until(() => bench.manager.sectors.size === 1)
    await writeFile(join(bench.store, 'config.toml'), 'plan = "wdpost"')
    bench.manager.jobs.push(job('job1'))
    await handedIn('job1')
    expect(bench.manager.sector(1).finalized || bench.manager.sector(1).abortReason !== undefined).to.equal(true)
    const { size } = bench.manager.sectors
    await writeFile(join(bench.store, 'config.toml'), 'plan = "sealer"\nsealing.max_retries = 3')
    await bench.until(() => bench.manager.sectors.size > size)
  })
})
