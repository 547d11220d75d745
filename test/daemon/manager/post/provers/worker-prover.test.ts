import { expect } from 'chai'
import type { Knex } from 'knex'
import { openDatabase } from '../../../../../daemon/kit/database.js'
import { silentLog } from '../../../../../daemon/kit/log.js'
import { wdpostApi } from '../../../../../daemon/manager/api/wdpost-api.js'
import { WdPostJobs } from '../../../../../daemon/manager/post/provers/worker-prover/wdpost-jobs.js'
import { WorkerProver } from '../../../../../daemon/manager/post/provers/worker-prover/worker-prover.js'
import type { WindowProofRequest, WindowProofResult } from '../../../../../daemon/manager/post/window-prover.js'
import { NoPlaceError, type SectorPlace } from '../../../../../daemon/manager/storage/sector-places.js'
import { managerMigrations } from '../../../../../migrations/manager/index.js'
import type { wdpostMethods } from '../../../../../rpc-schema/manager/wdpost.js'
import type { AllocateWdPoStJobSpec, BriefWdPoStJob } from '../../../../../rpc-schema/manager/wdpost-job.js'
import type { Client } from '../../../../../rpc-schema/rpc/method.js'
import { eventually } from '../../../../harness/eventually.js'
import { onEachDatabase } from '../../../../harness/on-each-database.js'
import { FakeClock } from '../../../worker/support/fake-clock.js'

const ANY: AllocateWdPoStJobSpec = { AllowedMiners: [], AllowedProofTypes: [] }
const PROOF = new Uint8Array(192).fill(7)
const OTHER_PROOF = new Uint8Array(192).fill(8)
const good = (proof = PROOF) => ({ proofs: [proof], faults: [] })
const WINDOW_2KIB = 10
const LIMITS = { SingleCheckTimeout: 60_000, PartitionCheckTimeout: 20 * 60_000 }

/** The methods as a client has them, without a wire between. */
const wireOf = (jobs: WdPostJobs) => wdpostApi(jobs) as unknown as Client<typeof wdpostMethods>

onEachDatabase('worker-prover', database => {
  let clock: FakeClock
  let db: Knex
  let settings: { JobMaxTry: number; HeartbeatTimeout: number; JobLifetime: number; Redundancy: number; Split: boolean }
  let jobs: WdPostJobs
  let api: Client<typeof wdpostMethods>
  let prover: WorkerProver
  let ends: AbortController
  const asked: Promise<unknown>[] = []

  before(async () => {
    db = await openDatabase({ dsn: await database.fresh(), migrations: managerMigrations })
  })
  after(() => db.destroy())
  beforeEach(() => {
    clock = new FakeClock()
    settings = { JobMaxTry: 2, HeartbeatTimeout: 15_000, JobLifetime: 25 * 3_600_000, Redundancy: 1, Split: false }
    ends = new AbortController()
    restart()
  })
  afterEach(async () => {
    ends.abort(new Error('the test is over'))
    await prover.close()
    // One in the middle of a look would bring its job into the next test.
    await Promise.all(asked.splice(0))
    await db('wdpost_jobs').delete()
  })

  const place = (store: string) => ({ sealedStore: { name: store }, cacheStore: { name: store } }) as SectorPlace

  /** A manager on the same database. */
  function restart(): void {
    jobs = new WdPostJobs({ db, clock, log: silentLog, settings, limits: LIMITS })
    api = wireOf(jobs)
    prover = new WorkerProver({
      jobs,
      clock,
      log: silentLog,
      places: {
        find: async ({ Number: number }) => {
          if (number === 404) throw new NoPlaceError('nowhere')
          return place('persist1')
        },
      },
    })
  }

  const request = (changes: Partial<WindowProofRequest> = {}): WindowProofRequest => ({
    miner: 1000,
    postProof: WINDOW_2KIB,
    deadline: 3,
    partitions: [0],
    replicas: [{ number: 1, commR: new Uint8Array(32).fill(1), upgraded: false }],
    randomness: new Uint8Array(32).fill(0xff),
    closesAt: clock.now() + 30 * 60_000,
    ...changes,
  })
  const ask = (changes: Partial<WindowProofRequest> = {}): Promise<WindowProofResult> => {
    const result = prover.prove(request(changes), ends.signal)
    asked.push(result.catch(() => undefined))
    return result
  }
  const all = async (): Promise<BriefWdPoStJob[]> => [...((await api.WdPoStAllJobs()).Jobs ?? [])]
  const listed = (count = 1) =>
    eventually(`${count} jobs`, 5_000, async () => {
      const found = await all()
      return found.length === count ? found : undefined
    })
  const take = async (worker = 'w1', spec = ANY) => (await api.WdPoStAllocateJobs(spec, 1, worker))[0]
  const taken = async (worker = 'w1') => (await take(worker))!.Id
  const message = async (promise: unknown): Promise<string> => {
    try {
      await promise
    } catch (error) {
      return (error as Error).message
    }
    throw new Error('expected an error')
  }
  const pause = () => clock.advance(3_000)

  it('S001-19 S001-36: a proof is asked of workers, and handed over', async () => {
    const result = ask({ partitions: [1, 2] })
    await listed()
    const job = await take()
    expect(job!.Input).to.deep.equal({
      Sectors: [
        {
          SectorId: 1,
          CommR: new Uint8Array(32).fill(1),
          Upgrade: false,
          Accesses: { SealedFile: 'persist1', CacheDir: 'persist1' },
        },
      ],
      MinerId: 1000,
      ProofType: 'StackedDrgWindow2KiBV1_2',
      Seed: new Uint8Array(32).fill(0xff).with(31, 0x3f),
    })
    const now = clock.now() / 1000
    expect(await api.WdPoStAllJobs()).to.deep.equal({
      MaxTry: 2,
      Jobs: [
        {
          Id: job!.Id,
          State: 'running',
          DeadlineIdx: 3,
          Partitions: [1, 2],
          Input: { Sectors: null, MinerId: 1000, ProofType: '', Seed: new Uint8Array(32) },
          Output: { proofs: null, faults: null },
          TryNum: 1,
          ErrorReason: '',
          WorkerName: 'w1',
          StartedAt: now,
          HeartbeatAt: now,
          FinishedAt: 0,
          CreatedAt: now,
          UpdatedAt: now,
          Sectors: 1,
          Faults: 0,
        },
      ],
    })
    clock.advance(4_000)
    await api.WdPoStFinishJob(job!.Id, good(), '')
    expect(await result).to.deep.equal({ proofs: [{ PoStProof: WINDOW_2KIB, ProofBytes: PROOF }], faults: [] })
    expect((await all())[0]).to.deep.include({ State: 'finished', FinishedAt: now + 4, ErrorReason: '' })
  })

  it('S001-26 S001-27: is given to workers who may have it: by miner and by the name of the proof', async () => {
    void ask()
    await listed()
    expect(await take('w1', { ...ANY, AllowedMiners: [7] })).to.equal(undefined)
    expect(await take('w1', { ...ANY, AllowedProofTypes: ['2KiB'] })).to.equal(undefined)
    expect(await api.WdPoStAllocateJobs(ANY, 0, 'w1')).to.deep.equal([])
    const spec = { AllowedMiners: [7, 1000], AllowedProofTypes: ['StackedDrgWindow2KiBV1_2'] }
    expect(await take('w1', spec)).to.have.property('Id')
    expect(await take('w2')).to.equal(undefined)
  })

  it('what closes first is given first, however late it was asked for', async () => {
    void ask({ deadline: 9, partitions: [9], randomness: new Uint8Array(32).fill(1), closesAt: clock.now() + 900_000 })
    void ask({ deadline: 5, partitions: [5], randomness: new Uint8Array(32).fill(2), closesAt: clock.now() + 500_000 })
    await listed(2)
    clock.advance(1)
    void ask({ deadline: 1, partitions: [1], randomness: new Uint8Array(32).fill(3), closesAt: clock.now() + 100_000 })
    await listed(3)
    const order = (await api.WdPoStAllocateJobs(ANY, 10, 'w1')).map(({ Id }) => Id)
    const deadlines = new Map((await all()).map(({ Id, DeadlineIdx }) => [Id, DeadlineIdx]))
    expect(order.map(id => deadlines.get(id))).to.deep.equal([1, 5, 9])
  })

  it('S001-22: a worker that is silent for longer than HeartbeatTimeout loses the job to another', async () => {
    const result = ask()
    await listed()
    const id = await taken('w1')
    clock.advance(14_000)
    await api.WdPoStHeartbeatJobs([id], 'w1')
    clock.advance(14_000)
    await jobs.sweep()
    expect(await take('w2')).to.equal(undefined)
    clock.advance(1_100)
    await jobs.sweep()
    expect((await all())[0]).to.deep.include({ State: 'ready2run', ErrorReason: 'heartbeat timeout', StartedAt: 0 })
    pause()
    expect((await take('w2'))!.Id).to.equal(id)
    expect((await all())[0]).to.deep.include({ TryNum: 2, WorkerName: 'w2' })
    // Who has lost it is told so, and cannot spoil the other's attempt.
    expect(await message(api.WdPoStHeartbeatJobs([id], 'w1'))).to.match(/not a job of w1 any more: w2 has it/)
    await api.WdPoStFinishJob(id, null, 'w1 was too slow')
    expect((await all())[0]).to.deep.include({ State: 'running', WorkerName: 'w2' })
    await api.WdPoStFinishJob(id, good(), '')
    expect((await result).proofs).to.have.length(1)
  })

  it('a worker whose manager was away, or its database, does not lose its last attempt by that', async () => {
    settings.JobMaxTry = 1
    const result = ask()
    await listed()
    const id = await taken('w1')
    await prover.close()
    expect(await message(result)).to.contain('the manager stops')
    clock.advance(60_000)
    restart()
    jobs.start()
    try {
      const again = ask()
      const swept = () =>
        eventually('the sweep and the proof wait', 60_000, () => (clock.sleepers > 1 ? true : undefined))
      await swept()
      await api.WdPoStHeartbeatJobs([id], 'w1')
      for (let at = 0; at < 10; at++) {
        clock.advance(2_000)
        await swept()
        if (at % 2 === 0) await api.WdPoStHeartbeatJobs([id], 'w1')
      }
      await api.WdPoStFinishJob(id, good(), '')
      expect((await again).proofs).to.have.length(1)
      // Who is silent while it could be heard loses its job as before.
      void ask({ randomness: new Uint8Array(32) })
      await listed(2)
      const other = await taken('w2')
      await eventually('that it is taken away', 60_000, async () => {
        clock.advance(2_000)
        return (await all()).find(job => job.Id === other)?.State === 'finished' ? true : undefined
      })
    } finally {
      await jobs.stop()
    }
  })

  it('a worker that comes back before anybody else has the job goes on with it, in the same attempt', async () => {
    void ask()
    await listed()
    const id = await taken('w1')
    clock.advance(16_000)
    await jobs.sweep()
    await api.WdPoStHeartbeatJobs([id], 'w1')
    expect((await all())[0]).to.deep.include({ State: 'running', TryNum: 1, WorkerName: 'w1' })
    pause()
    expect(await take('w2')).to.equal(undefined)
    // It is heard again, so its failure is its own.
    await api.WdPoStFinishJob(id, null, 'broken')
    expect((await all())[0]).to.deep.include({ State: 'ready2run', ErrorReason: 'broken' })
  })

  it('a late proof is as good as any, also of a job that was given up', async () => {
    settings.JobMaxTry = 1
    const result = ask()
    await listed()
    const id = await taken('w1')
    clock.advance(16_000)
    await jobs.sweep()
    expect(await message(result)).to.contain('heartbeat timeout')
    await api.WdPoStFinishJob(id, good(), '')
    await api.WdPoStFinishJob(id, null, 'late failure')
    await api.WdPoStFinishJob(id, good(OTHER_PROOF), '')
    expect((await ask()).proofs[0]!.ProofBytes).to.deep.equal(PROOF)
  })

  it('S001-21 S001-42: after JobMaxTry attempts it has failed, and a reset lets workers try again, and is waited for', async () => {
    const first = ask()
    await listed()
    const id = await taken('w1')
    await api.WdPoStFinishJob(id, null, 'no GPU')
    expect(await take('w2')).to.equal(undefined)
    pause()
    expect(await taken('w2')).to.equal(id)
    await api.WdPoStFinishJob(id, null, 'no GPU either')
    expect(await message(first)).to.match(/error from worker: no GPU either .*2 attempts.*wdpost reset/)
    pause()
    expect(await take('w3')).to.equal(undefined)
    expect((await all())[0]).to.deep.include({ State: 'finished', TryNum: 2, ErrorReason: 'no GPU either' })
    await api.WdPoStResetJob(id)
    expect((await all())[0]).to.deep.include({ State: 'ready2run', TryNum: 0, ErrorReason: '', WorkerName: '' })
    const again = ask()
    expect(await taken('w3')).to.equal(id)
    await api.WdPoStFinishJob(id, good(), '')
    expect((await again).proofs).to.have.length(1)
    expect(await all()).to.have.length(1)
  })

  it('a proof that is wanted anew after its job has failed is tried as a job of its own; a reset of the first helps as well', async () => {
    settings.JobMaxTry = 1
    const first = ask()
    await listed()
    const id = await taken()
    await api.WdPoStFinishJob(id, null, 'rebooting')
    await message(first)
    clock.advance(1_000)
    const second = ask()
    await listed(2)
    expect(await taken()).to.equal(`${id}-2`)
    await api.WdPoStFinishJob(`${id}-2`, null, 'still rebooting')
    expect(await message(second)).to.contain('still rebooting')
    const third = ask()
    await listed(3)
    await api.WdPoStResetJob(id)
    const both = (await api.WdPoStAllocateJobs(ANY, 9, 'w1')).map(({ Id }) => Id)
    expect(both.sort()).to.deep.equal([id, `${id}-3`])
    await api.WdPoStFinishJob(id, good(), '')
    expect((await third).proofs).to.have.length(1)
    await api.WdPoStFinishJob(`${id}-3`, null, 'too late')
    expect((await all()).map(({ State }) => State)).to.deep.equal(['finished', 'finished', 'finished'])
  })

  it('S001-43 S001-44: a job that is removed while the proof is wanted is issued again', async () => {
    const result = ask()
    const [job] = await listed()
    await api.WdPoStRemoveJob(job!.Id)
    const [again] = await listed()
    expect(again!.Id).to.equal(job!.Id)
    const id = await taken()
    await api.WdPoStFinishJob(id, good(), '')
    expect((await result).proofs).to.have.length(1)
    await api.WdPoStRemoveJob(id)
    expect(await all()).to.deep.equal([])
    expect(await api.WdPoStRemoveJob(id)).to.equal(undefined)
  })

  it('S001-45: jobs created longer ago than JobLifetime are deleted, but none that is being worked on', async () => {
    void ask({ closesAt: clock.now() + 48 * 3_600_000 })
    await listed()
    void ask({ closesAt: clock.now() + 48 * 3_600_000, partitions: [1], randomness: new Uint8Array(32) })
    await listed(2)
    const id = await taken()
    ends.abort(new Error('enough'))
    await jobs.sweep()
    clock.advance(settings.JobLifetime)
    await api.WdPoStHeartbeatJobs([id], 'w1')
    await jobs.sweep()
    expect(await all()).to.have.length(2)
    clock.advance(30 * 60_000)
    await api.WdPoStHeartbeatJobs([id], 'w1')
    await jobs.sweep()
    expect((await all()).map(({ Id }) => Id)).to.deep.equal([id])
  })

  it('faults are told by number, and there is no proof then', async () => {
    const result = ask()
    await listed()
    await api.WdPoStFinishJob(await taken(), { proofs: [PROOF], faults: [7, 9] }, '')
    expect(await result).to.deep.equal({ proofs: [], faults: [7, 9] })
    expect((await all())[0]).to.deep.include({ State: 'finished', Faults: 2 })
  })

  it('neither a proof nor faults is a failure', async () => {
    void ask()
    await listed()
    await api.WdPoStFinishJob(await taken(), { proofs: [], faults: [] }, '')
    expect((await all())[0]!.ErrorReason).to.contain('neither a proof nor faulty sectors')
    pause()
    await api.WdPoStFinishJob(await taken(), null, '')
    expect((await all())[0]).to.deep.include({ State: 'finished', TryNum: 2 })
  })

  it('a sector that no store is known to hold is a fault, and no job is made', async () => {
    const commR = new Uint8Array(32)
    const replicas = [1, 404].map(number => ({ number, commR, upgraded: false }))
    expect(await ask({ replicas })).to.deep.equal({ proofs: [], faults: [404] })
    expect(await all()).to.deep.equal([])
  })

  it('a proof that was of no use is made again', async () => {
    const first = ask()
    await listed()
    const id = await taken()
    await api.WdPoStFinishJob(id, good(), '')
    await first
    const second = ask()
    await eventually('the job is ready again', 5_000, async () => (await all())[0]!.State === 'ready2run' || undefined)
    expect(await taken('w2')).to.equal(id)
    await api.WdPoStFinishJob(id, good(OTHER_PROOF), '')
    expect((await second).proofs[0]!.ProofBytes).to.deep.equal(OTHER_PROOF)
  })

  it('a manager that starts again finds its jobs, running and done', async () => {
    const before = ask()
    await listed()
    const id = await taken()
    await prover.close()
    expect(await message(before)).to.contain('the manager stops')
    restart()
    const after = ask()
    await api.WdPoStHeartbeatJobs([id], 'w1')
    await api.WdPoStFinishJob(id, good(), '')
    expect((await after).proofs).to.have.length(1)
    restart()
    expect((await ask()).proofs).to.have.length(1)
    expect(await all()).to.have.length(1)
  })

  it('what another process does is seen by looking', async () => {
    const result = ask()
    await listed()
    const other = wireOf(new WdPostJobs({ db, clock, log: silentLog, settings, limits: LIMITS }))
    const [job] = await other.WdPoStAllocateJobs(ANY, 1, 'w1')
    await other.WdPoStFinishJob(job!.Id, good(), '')
    await eventually('a look', 5_000, async () => (clock.sleepers > 0 ? true : undefined))
    pause()
    expect((await result).proofs).to.have.length(1)
  })

  it('a job whose deadline has closed is not given any more, and does not stay open', async () => {
    void ask({ closesAt: clock.now() + 60_000 })
    await listed()
    const id = await taken()
    clock.advance(60_000)
    expect(await take('w2')).to.equal(undefined)
    await jobs.sweep()
    expect((await all())[0]).to.deep.include({ State: 'finished', ErrorReason: 'the deadline has closed' })
    expect(await message(api.WdPoStHeartbeatJobs([id], 'w1'))).to.equal('key not found')
  })

  it('another challenge for the same partitions takes the place of the one that was given up', async () => {
    const first = ask()
    await listed()
    ends.abort(new Error('the chain has changed'))
    await message(first)
    ends = new AbortController()
    void ask({ randomness: new Uint8Array(32) })
    const found = await listed(2)
    expect(found.map(({ State }) => State).sort()).to.deep.equal(['finished', 'ready2run'])
    expect(found.find(({ State }) => State === 'finished')!.ErrorReason).to.contain('not wanted any more')
    // The first challenge comes back with another reorg.
    ends.abort(new Error('the chain has changed'))
    ends = new AbortController()
    void ask()
    await eventually('the first is wanted again', 5_000, async () => {
      const open = (await all()).filter(({ State }) => State === 'ready2run')
      return open.length === 1 && open[0]!.Id === found.find(({ State }) => State === 'finished')!.Id ? true : undefined
    })
  })

  it('with Redundancy two workers make the same proof, and the first good one is taken', async () => {
    settings.Redundancy = 2
    const result = ask()
    const found = await listed(2)
    const id = found.map(({ Id }) => Id).sort()[0]!
    expect(found.map(({ Id }) => Id).sort()).to.deep.equal([id, `${id}-2`])
    const first = await taken('w1')
    expect(await take('w1'), 'not both to one worker').to.equal(undefined)
    const second = await taken('w2')
    await api.WdPoStFinishJob(first, null, 'broken')
    await api.WdPoStFinishJob(second, good(), '')
    expect((await result).proofs).to.have.length(1)
    pause()
    expect(await take('w3')).to.equal(undefined)
    expect((await all()).map(({ State }) => State)).to.deep.equal(['finished', 'finished'])
  })

  it('heartbeats are for all of their jobs or for none', async () => {
    void ask()
    await listed()
    const id = await taken()
    clock.advance(10_000)
    expect(await message(api.WdPoStHeartbeatJobs([id, 'nojob'], 'w1'))).to.equal('key not found')
    expect(await api.WdPoStHeartbeatJobs([], 'w1')).to.equal(undefined)
    clock.advance(6_000)
    await jobs.sweep()
    expect((await all())[0]!.State).to.equal('ready2run')
  })

  it('many workers at once get each job once', async () => {
    for (let partition = 0; partition < 12; partition++)
      void ask({ partitions: [partition], randomness: new Uint8Array(32).fill(partition) })
    await listed(12)
    const asked = Array.from({ length: 20 }, (_, worker) => take(`w${worker}`))
    const ids = (await Promise.all(asked)).flatMap(job => (job ? [job.Id] : []))
    expect(ids).to.have.length(12)
    expect(new Set(ids).size).to.equal(12)
  })
})
