import { createHash } from 'node:crypto'
import { expect } from 'chai'
import type { Knex } from 'knex'
import { openDatabase } from '../../../../../daemon/kit/database.js'
import { silentLog } from '../../../../../daemon/kit/log.js'
import { wdpostApi } from '../../../../../daemon/manager/api/wdpost-api.js'
import { WdPostJobs } from '../../../../../daemon/manager/post/provers/worker-prover/wdpost-jobs.js'
import { WorkerProver } from '../../../../../daemon/manager/post/provers/worker-prover/worker-prover.js'
import type { WindowProofRequest, WindowProofResult } from '../../../../../daemon/manager/post/window-prover.js'
import type { SectorPlace } from '../../../../../daemon/manager/storage/sector-places.js'
import { managerMigrations } from '../../../../../migrations/manager/index.js'
import { vanillaRecord } from '../../../../../rpc-schema/manager/vanilla-chunk.js'
import type { wdpostMethods } from '../../../../../rpc-schema/manager/wdpost.js'
import type { AllocateWdPoStJobSpec, WdPoStAllocatedJob } from '../../../../../rpc-schema/manager/wdpost-job.js'
import type { Client } from '../../../../../rpc-schema/rpc/method.js'
import { eventually } from '../../../../harness/eventually.js'
import { onEachDatabase } from '../../../../harness/on-each-database.js'
import { FakeClock } from '../../../worker/support/fake-clock.js'

const ANY: AllocateWdPoStJobSpec = { AllowedMiners: [], AllowedProofTypes: [] }
const reader = (...Stores: string[]): AllocateWdPoStJobSpec => ({ ...ANY, AllowedParts: ['read'], Stores })
const PROVER: AllocateWdPoStJobSpec = { ...ANY, AllowedParts: ['prove'], Stores: [] }
const LIMITS = { SingleCheckTimeout: 10 * 60_000, PartitionCheckTimeout: 20 * 60_000 }
const PROOF = new Uint8Array(192).fill(7)
const good = { proofs: [PROOF], faults: [] }
const nothing = { proofs: [], faults: [] }
const NEXT_SEED = new Uint8Array(32).fill(9)

const chunk = (numbers: readonly number[], seed = 1): Uint8Array =>
  Buffer.concat(numbers.map(sector => vanillaRecord({ sector, vanilla: new Uint8Array(64).fill(sector + seed) })))
const digest = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex')
const sectorsOf = ({ Input }: WdPoStAllocatedJob): number[] => Input.Sectors.map(({ SectorId }) => SectorId)

onEachDatabase('window proofs whose reading and proving are jobs of their own', database => {
  let clock: FakeClock
  let db: Knex
  let settings: ConstructorParameters<typeof WdPostJobs>[0]['settings']
  let jobs: WdPostJobs
  let api: Client<typeof wdpostMethods>
  let prover: WorkerProver
  let ends: AbortController
  let wasRead: number
  const asked: Promise<unknown>[] = []

  before(async () => {
    db = await openDatabase({ dsn: await database.fresh(), migrations: managerMigrations })
  })
  after(() => db.destroy())
  beforeEach(function () {
    this.currentTest!.timeout(120_000)
    clock = new FakeClock()
    settings = { JobMaxTry: 2, HeartbeatTimeout: 15_000, JobLifetime: 25 * 3_600_000, Redundancy: 1, Split: true }
    ends = new AbortController()
    wasRead = 0
    restart()
  })
  afterEach(async () => {
    ends.abort(new Error('the test is over'))
    await prover.close()
    await Promise.all(asked.splice(0))
    await db('wdpost_jobs').delete()
    await db('wdpost_vanillas').delete()
  })

  /** A manager on the same database. */
  function restart(): void {
    jobs = new WdPostJobs({ db, clock, log: silentLog, settings, limits: LIMITS })
    api = wdpostApi(jobs) as unknown as Client<typeof wdpostMethods>
    const places = {
      // Up to 99 in the one store, the others in the other.
      find: async ({ Number: number }: { Number: number }) => {
        const store = { name: number < 100 ? 'near' : 'far' }
        return { sealedStore: store, cacheStore: store } as SectorPlace
      },
    }
    prover = new WorkerProver({ jobs, clock, log: silentLog, places })
  }

  const request = (numbers: readonly number[], changes: Partial<WindowProofRequest> = {}): WindowProofRequest => ({
    miner: 1000,
    postProof: 10,
    deadline: 3,
    partitions: [0],
    replicas: numbers.map(number => ({ number, commR: new Uint8Array(32).fill(number), upgraded: false })),
    randomness: new Uint8Array(32).fill(5),
    closesAt: clock.now() + 30 * 60_000,
    ...changes,
  })
  function ask(numbers: readonly number[], changes: Partial<WindowProofRequest> = {}): Promise<WindowProofResult> {
    const progress = { read: () => void wasRead++ }
    const result = prover.prove(request(numbers, changes), ends.signal, progress)
    asked.push(result.catch(() => undefined))
    return result
  }
  const all = async () => [...((await api.WdPoStAllJobs()).Jobs ?? [])]
  const listed = (count: number) =>
    eventually(`${count} jobs`, 60_000, async () => {
      const found = await all()
      return found.length === count ? found : undefined
    })
  const jobOf = async (id: string) => (await all()).find(({ Id }) => Id === id)!
  const take = async (spec: AllocateWdPoStJobSpec, worker = 'w1') => (await api.WdPoStAllocateJobs(spec, 1, worker))[0]
  const taken = async (spec: AllocateWdPoStJobSpec, worker = 'w1') => (await take(spec, worker))!
  /** Someone looks once more. */
  const look = async <T>(what: string, condition: () => Promise<T | undefined>) =>
    eventually(what, 60_000, async () => {
      clock.advance(3_000)
      return condition()
    })
  const bring = (job: WdPoStAllocatedJob, numbers = sectorsOf(job), seed = 1) => {
    const content = chunk(numbers, seed)
    return jobs.split.receive(job.Id, digest(content), content)
  }
  async function readAll(job: WdPoStAllocatedJob): Promise<void> {
    expect(await bring(job)).to.equal('kept')
    await api.WdPoStFinishJob(job.Id, nothing, '')
  }
  const chunks = async (): Promise<number> => Number((await db('wdpost_vanillas').count({ n: '*' }))[0]!.n)
  const message = async (promise: Promise<unknown>): Promise<string> =>
    promise.then(
      () => {
        throw new Error('expected an error')
      },
      (error: Error) => error.message,
    )

  it('each store is read by who has it, then the proof is made by who has none', async () => {
    const result = ask([1, 2, 101])
    const found = await listed(3)
    const proof = found.find(({ Part }) => Part === 'prove')!
    expect(proof).to.deep.include({ Waits: 3, Sectors: 3, State: 'ready2run' })
    expect(await take(PROVER), 'nothing is read yet').to.equal(undefined)
    expect(await take(reader('elsewhere'))).to.equal(undefined)
    const near = await taken(reader('near'), 'disks1')
    expect(sectorsOf(near)).to.deep.equal([1, 2])
    expect(near.Read).to.deep.equal({ Sectors: [], SectorLimit: 60_000, Limit: 12 * 60_000 })
    expect(await take(reader('near'))).to.equal(undefined)
    const far = await taken(reader('near', 'far'), 'disks2')
    expect(sectorsOf(far)).to.deep.equal([101])
    await readAll(near)
    expect(await jobOf(proof.Id)).to.deep.include({ Waits: 1 })
    expect(await take(PROVER)).to.equal(undefined)
    await readAll(far)
    await look('that all is read is told', async () => (wasRead === 1 ? true : undefined))
    const { Id, Input, Prove } = await taken(PROVER, 'gpu')
    expect(Id).to.equal(proof.Id)
    expect(Input.Sectors.map(({ SectorId }) => SectorId)).to.deep.equal([1, 2, 101])
    expect(Prove!.Vanillas.map(vanilla => vanilla.Id).sort()).to.deep.equal(
      [digest(chunk([1, 2])), digest(chunk([101]))].sort(),
    )
    expect(await jobs.split.content(Prove!.Vanillas[0]!.Id)).to.have.length(Prove!.Vanillas[0]!.Bytes)
    await api.WdPoStFinishJob(Id, good, '')
    expect(await result).to.deep.equal({ proofs: [{ PoStProof: 10, ProofBytes: PROOF }], faults: [] })
    expect(wasRead).to.equal(1)
    expect(await chunks(), 'what was read is not kept').to.equal(0)
  })

  it('jobs are counted by part and by what they are at', async () => {
    void ask([1, 2, 101])
    await listed(3)
    const near = await taken(reader('near'))
    const counts = async () => (await jobs.count()).map(({ part, state, count }) => `${count} ${part} ${state}`).sort()
    expect(await counts()).to.deep.equal(['1 prove waiting', '1 read ready', '1 read running'])
    await readAll(near)
    await readAll(await taken(reader('far')))
    expect(await counts()).to.deep.equal(['1 prove ready'])
  })

  it('a worker that does not say what it can do gets no part, and one that reads or proves gets no whole job', async () => {
    void ask([1])
    await listed(2)
    expect(await api.WdPoStAllocateJobs(ANY, 9, 'rust')).to.deep.equal([])
    expect(await api.WdPoStAllocateJobs({ ...ANY, AllowedParts: [] }, 9, 'rust')).to.deep.equal([])
    settings.Split = false
    void ask([2])
    await listed(3)
    expect(await take(PROVER)).to.equal(undefined)
    const whole = await taken(ANY, 'rust')
    expect(Object.keys(whole)).to.deep.equal(['Id', 'Input'])
    expect((await jobOf(whole.Id)).Part).to.equal(undefined)
    expect(sectorsOf(await taken(reader('near')))).to.deep.equal([1])
  })

  it('a reader that is silent loses its job; the next one reads what it has not handed in', async () => {
    void ask([1, 2, 3])
    await listed(2)
    const first = await taken(reader('near'), 'w1')
    expect(await bring(first, [2])).to.equal('kept')
    clock.advance(16_000)
    await jobs.sweep()
    clock.advance(3_000)
    const second = await taken(reader('near'), 'w2')
    expect(second.Id).to.equal(first.Id)
    expect(sectorsOf(second)).to.deep.equal([1, 3])
    // The first one is late, not gone.
    expect(await bring(first, [1])).to.equal('kept')
    expect(await bring(second, [1, 3])).to.equal('kept')
    await api.WdPoStFinishJob(second.Id, nothing, '')
    expect((await taken(PROVER)).Prove!.Vanillas).to.have.length(3)
  })

  it('a prover that is silent loses its job to another', async () => {
    const result = ask([1])
    await listed(2)
    await readAll(await taken(reader('near')))
    const { Id } = await taken(PROVER, 'gpu1')
    clock.advance(16_000)
    await jobs.sweep()
    clock.advance(3_000)
    expect((await taken(PROVER, 'gpu2')).Id).to.equal(Id)
    await api.WdPoStFinishJob(Id, good, '')
    expect((await result).proofs).to.have.length(1)
  })

  it('a manager that starts again in the middle of the reading, and of the proving, finds everything', async () => {
    void ask([1, 101])
    await listed(3)
    await readAll(await taken(reader('near')))
    await prover.close()
    restart()
    void ask([1, 101])
    await readAll(await taken(reader('far')))
    const { Id } = await taken(PROVER)
    await prover.close()
    restart()
    const result = ask([1, 101])
    await api.WdPoStHeartbeatJobs([Id], 'w1')
    await api.WdPoStFinishJob(Id, good, '')
    expect((await result).proofs).to.have.length(1)
    expect(await all()).to.have.length(3)
  })

  it('sectors that cannot be read end the proof when all has been tried; without them it is made of what was read', async () => {
    const first = ask([1, 2, 101])
    await listed(3)
    const near = await taken(reader('near'))
    await bring(near, [1])
    await api.WdPoStFinishJob(near.Id, { proofs: [], faults: [2] }, '')
    const far = await taken(reader('far'))
    expect((await jobOf(near.Id)).Faults).to.equal(1)
    await readAll(far)
    expect(await first).to.deep.equal({ proofs: [], faults: [2] })
    expect(wasRead).to.equal(0)
    const proofs = (await all()).filter(({ Part }) => Part === 'prove')
    expect(proofs.map(({ ErrorReason }) => ErrorReason)).to.deep.equal(['sectors of this proof cannot be read'])
    const second = ask([1, 101])
    await listed(4)
    expect(await take(reader('near', 'far')), 'nothing is read twice').to.equal(undefined)
    const { Id, Prove } = await taken(PROVER)
    expect(Prove!.Vanillas).to.have.length(2)
    await api.WdPoStFinishJob(Id, good, '')
    expect((await second).proofs).to.have.length(1)
    expect(await chunks()).to.equal(0)
  })

  it('who does not answer is tried again, and costs its own sectors after the last attempt', async () => {
    const first = ask([1, 2])
    await listed(2)
    for (const worker of ['w1', 'w2']) {
      const job = await taken(reader('near'), worker)
      expect(sectorsOf(job)).to.deep.equal(worker === 'w1' ? [1, 2] : [2])
      if (worker === 'w1') await bring(job, [1])
      await api.WdPoStFinishJob(job.Id, { ...nothing, unread: [2] }, 'sector 2: not read in time')
      if (worker === 'w1')
        expect((await jobOf(job.Id)).ErrorReason).to.equal('sectors not read: 2: sector 2: not read in time')
      clock.advance(3_000)
    }
    expect(await first).to.deep.equal({ proofs: [], faults: [2] })
  })

  it('jobs that read and fail fail the proof; asked for again, what is missing is read in further jobs', async () => {
    settings.JobMaxTry = 1
    const first = ask([1, 101])
    await listed(3)
    await readAll(await taken(reader('near')))
    const far = await taken(reader('far'))
    await api.WdPoStFinishJob(far.Id, null, 'the store "far" seems not to be mounted')
    expect(await message(first)).to.match(/error from worker: the store "far" seems not to be mounted .*reset/)
    // Nobody is to prove what nobody waits for.
    const ended = (await all()).find(({ Part }) => Part === 'prove')!
    expect(ended).to.deep.include({ State: 'finished', ErrorReason: 'not all sectors of this proof have been read' })
    const second = ask([1, 101])
    await listed(5)
    const again = await taken(reader('far'))
    expect([again.Id, sectorsOf(again)]).to.deep.equal([`${ended.Id}-r3`, [101]])
    await readAll(again)
    const { Id } = await taken(PROVER)
    expect(Id).to.equal(`${ended.Id}-2`)
    await api.WdPoStFinishJob(Id, good, '')
    expect((await second).proofs).to.have.length(1)
  })

  it('a job that reads and has failed is done after a reset, and what is proven from it', async () => {
    settings.JobMaxTry = 1
    const first = ask([1])
    await listed(2)
    const { Id } = await taken(reader('near'))
    clock.advance(16_000)
    await jobs.sweep()
    expect(await message(first)).to.contain('heartbeat timeout')
    expect((await all()).map(({ State }) => State)).to.deep.equal(['finished', 'finished'])
    await api.WdPoStResetJob(Id)
    const second = ask([1])
    await readAll(await look('the job that reads', () => take(reader('near'))))
    const proves = await look('the job that proves', () => take(PROVER))
    await api.WdPoStFinishJob(proves.Id, good, '')
    expect((await second).proofs).to.have.length(1)
    expect(await all()).to.have.length(2)
  })

  it('a job that reads and was removed is made again while the proof is wanted; so is one that proves', async () => {
    const result = ask([1, 101])
    const found = await listed(3)
    const [reads] = found.filter(({ Part }) => Part === 'read')
    await api.WdPoStRemoveJob(reads!.Id)
    await look('another job that reads', async () => ((await all()).length === 3 ? true : undefined))
    await readAll(await taken(reader('near', 'far')))
    await readAll(await taken(reader('near', 'far')))
    const { Id } = await taken(PROVER)
    await api.WdPoStRemoveJob(Id)
    await look('the job that proves', async () => ((await jobOf(Id)) === undefined ? undefined : true))
    expect((await taken(PROVER)).Id).to.equal(Id)
    await api.WdPoStFinishJob(Id, good, '')
    expect((await result).proofs).to.have.length(1)
  })

  it('what was read and is not there any more is read again', async () => {
    const first = ask([1])
    await listed(2)
    const job = await taken(reader('near'))
    await readAll(job)
    const { Id } = await taken(PROVER)
    // Damaged in the database: nobody is given it.
    await db('wdpost_vanillas').update({ content: Buffer.from('damaged') })
    expect(await jobs.split.content(digest(chunk([1])))).to.equal(undefined)
    await api.WdPoStFinishJob(Id, null, 'what was read for this proof is not to be had')
    await look('another job that reads', async () => ((await all()).length === 3 ? true : undefined))
    await readAll(await taken(reader('near')))
    clock.advance(3_000)
    expect((await taken(PROVER)).Id).to.equal(Id)
    await api.WdPoStFinishJob(Id, good, '')
    expect((await first).proofs).to.have.length(1)
  })

  it('a proof that was of no use is made again from the beginning', async () => {
    const first = ask([1])
    await listed(2)
    await readAll(await taken(reader('near')))
    await api.WdPoStFinishJob((await taken(PROVER)).Id, good, '')
    await first
    const second = ask([1])
    const again = await look('the job that reads', () => take(reader('near'), 'w2'))
    await readAll(again)
    await api.WdPoStFinishJob((await taken(PROVER)).Id, good, '')
    expect((await second).proofs).to.have.length(1)
  })

  it('another challenge for the same partitions ends the jobs of the one that was given up, and takes away what was read', async () => {
    const first = ask([1, 101])
    await listed(3)
    await bring(await taken(reader('near')))
    const before = await taken(reader('far'))
    ends.abort(new Error('the chain has changed'))
    await message(first)
    ends = new AbortController()
    void ask([1, 101], { randomness: NEXT_SEED })
    await listed(6)
    expect(await chunks()).to.equal(0)
    expect(await bring(before)).to.equal('not wanted')
    expect((await all()).filter(({ State }) => State === 'finished')).to.have.length(3)
    expect((await taken(reader('near'))).Input.Seed).to.deep.equal(new Uint8Array(32).fill(9))
  })

  it('when the deadline has closed nothing of it is given, nor kept', async () => {
    void ask([1, 101], { closesAt: clock.now() + 60_000 })
    await listed(3)
    await bring(await taken(reader('near')))
    clock.advance(60_000)
    await jobs.sweep()
    expect(await chunks()).to.equal(0)
    expect(await take(reader('near', 'far'))).to.equal(undefined)
    expect((await all()).map(({ ErrorReason }) => ErrorReason)).to.deep.equal(Array(3).fill('the deadline has closed'))
  })

  it('what belongs to no deadline is kept no longer than jobs are', async () => {
    const { closesAt: _, ...endless } = request([1])
    asked.push(prover.prove(endless, ends.signal).catch(() => undefined))
    await listed(2)
    await readAll(await taken(reader('near')))
    ends.abort(new Error('enough'))
    clock.advance(settings.JobLifetime - 1)
    await jobs.sweep()
    expect(await chunks()).to.equal(1)
    clock.advance(2)
    await jobs.sweep()
    expect(await chunks()).to.equal(0)
  })

  it('with Redundancy two workers read the same, the first who has done it ends it for the other', async () => {
    settings.Redundancy = 2
    const result = ask([1])
    await listed(4)
    const first = await taken(reader('near'), 'w1')
    expect(await take(reader('near'), 'w1'), 'not both to one worker').to.equal(undefined)
    const second = await taken(reader('near'), 'w2')
    expect(second.Id).to.equal(`${first.Id}-2`)
    await readAll(second)
    expect(await message(api.WdPoStHeartbeatJobs([first.Id], 'w1') as Promise<unknown>)).to.equal('key not found')
    expect(await bring(first)).to.equal('not wanted')
    // Who has read may prove as well.
    await taken(PROVER, 'w1')
    const { Id } = await taken(PROVER, 'w2')
    await api.WdPoStFinishJob(Id, good, '')
    expect((await result).proofs).to.have.length(1)
    expect((await all()).every(({ State }) => State === 'finished')).to.equal(true)
  })

  it('jobs that read are no larger than 512 sectors; what closes first is read first', async () => {
    const many = Array.from({ length: 1_030 }, (_, at) => at + 100)
    void ask(many, { partitions: [5] })
    await listed(4)
    clock.advance(1)
    void ask([1], { partitions: [6], closesAt: clock.now() + 60_000, randomness: NEXT_SEED })
    await listed(6)
    const given = await api.WdPoStAllocateJobs(reader('near', 'far'), 9, 'w1')
    expect(given.map(({ Input }) => Input.Sectors.length)).to.deep.equal([1, 344, 344, 342])
    expect(new Set(given.slice(1).flatMap(sectorsOf)).size).to.equal(1_030)
  })

  it('a trial gives way to a proof for the chain, and goes on with what was read for it', async () => {
    const trial = ask([1, 2], { trial: true, randomness: NEXT_SEED })
    await listed(2)
    const reading = await taken(reader('near'), 'w1')
    expect(await bring(reading, [1])).to.equal('kept')
    const real = ask([101])
    await listed(4)
    expect(await message(api.WdPoStHeartbeatJobs([reading.Id], 'w1') as Promise<unknown>)).to.equal('key not found')
    expect(await take(reader('near'), 'w1')).to.equal(undefined)
    await readAll(await taken(reader('far'), 'w1'))
    await api.WdPoStFinishJob((await taken(PROVER)).Id, good, '')
    expect((await real).proofs).to.have.length(1)
    const rest = await look('the trial goes on', () => take(reader('near'), 'w1'))
    expect([rest.Id, sectorsOf(rest)]).to.deep.equal([reading.Id, [2]])
    await readAll(rest)
    const proves = await look('the job that proves', () => take(PROVER))
    await api.WdPoStFinishJob(proves.Id, good, '')
    expect((await trial).proofs).to.have.length(1)
    expect(await chunks()).to.equal(0)
  })

  it('a trial that nobody waits for leaves nothing behind', async () => {
    const trial = ask([1], { trial: true })
    await listed(2)
    await readAll(await taken(reader('near')))
    ends.abort(new Error('enough'))
    await message(trial)
    ends = new AbortController()
    expect(await chunks()).to.equal(0)
    expect((await all()).every(({ State }) => State === 'finished')).to.equal(true)
  })

  it('older proof types draw the challenges of all sectors together: readers are told them all, and nothing is taken over', async () => {
    const first = ask([1, 101], { postProof: 5 })
    await listed(3)
    const near = await taken(reader('near'))
    expect(near.Read!.Sectors).to.deep.equal([1, 101])
    await readAll(near)
    await api.WdPoStFinishJob((await taken(reader('far'))).Id, { proofs: [], faults: [101] }, '')
    expect((await first).faults).to.deep.equal([101])
    void ask([1], { postProof: 5 })
    await listed(5)
    expect(sectorsOf(await taken(reader('near')))).to.deep.equal([1])
  })

  it('older proof types: the same bytes that were read for another proof are kept for this one', async () => {
    const first = ask([1, 101], { postProof: 5 })
    await listed(3)
    await readAll(await taken(reader('near')))
    await api.WdPoStFinishJob((await taken(reader('far'))).Id, { proofs: [], faults: [101] }, '')
    expect((await first).faults).to.deep.equal([101])
    void ask([1], { postProof: 5 })
    await listed(5)
    await readAll(await taken(reader('near')))
    expect((await taken(PROVER)).Prove!.Vanillas.map(({ Id }) => Id)).to.deep.equal([digest(chunk([1]))])
  })

  it('a prover cannot find sectors faulty that it has not read: another one makes the proof of what is there', async () => {
    const result = ask([1, 2])
    await listed(2)
    await readAll(await taken(reader('near')))
    const blind = await taken(PROVER, 'blind')
    await api.WdPoStFinishJob(blind.Id, { proofs: [], faults: [1, 2] }, '')
    expect((await jobOf(blind.Id)).ErrorReason).to.contain('vanilla_files')
    clock.advance(3_000)
    const { Id } = await taken(PROVER, 'gpu')
    await api.WdPoStFinishJob(Id, good, '')
    expect((await result).proofs).to.have.length(1)
  })

  it('what waits behind does not wait for a store that hangs; its readers go on meanwhile', async () => {
    const behind = { behind: 2, closesAt: clock.now() + 60 * 60_000 }
    const first = ask([1, 2, 101], behind)
    await listed(3)
    const near = await taken(reader('near'))
    await readAll(await taken(reader('far')))
    await bring(near, [1])
    // A third of 40 % of an hour is 8 minutes.
    const late = await look('that one sector is late', async () => {
      clock.advance(60_000)
      return Promise.race([first, undefined])
    })
    expect(late).to.deep.equal({ proofs: [], faults: [], late: [2] })
    const again = ask([1, 2, 101], behind)
    expect(await bring(near, [2])).to.equal('kept')
    await api.WdPoStFinishJob(near.Id, nothing, '')
    await api.WdPoStFinishJob((await taken(PROVER)).Id, good, '')
    expect((await again).proofs).to.have.length(1)
    expect(await all()).to.have.length(3)
  })

  it('when late sectors are left out, nothing of the others is read again, and their readers are free', async () => {
    const behind = { behind: 1, closesAt: clock.now() + 60 * 60_000 }
    const first = ask([1, 101], behind)
    await listed(3)
    const near = await taken(reader('near'))
    await readAll(await taken(reader('far')))
    await look('that one sector is late', async () => {
      clock.advance(60_000)
      return Promise.race([first, undefined])
    })
    void ask([101], behind)
    await listed(4)
    expect(await take(reader('near', 'far'))).to.equal(undefined)
    expect((await jobOf(near.Id)).ErrorReason).to.contain('not wanted any more')
    expect((await taken(PROVER)).Prove!.Vanillas).to.have.length(1)
  })

  it('nobody is late as long as no worker reads', async () => {
    const result = ask([1], { behind: 2, closesAt: clock.now() + 60 * 60_000 })
    await listed(2)
    for (let minute = 0; minute < 30; minute++) {
      await eventually('a look', 60_000, async () => (clock.sleepers > 0 ? true : undefined))
      clock.advance(60_000)
    }
    await readAll(await taken(reader('near')))
    await api.WdPoStFinishJob((await taken(PROVER)).Id, good, '')
    expect((await result).proofs).to.have.length(1)
  })

  it('limits of 0 are none: readers have the time that there is', async () => {
    const none = { SingleCheckTimeout: 0, PartitionCheckTimeout: 0 }
    jobs = new WdPostJobs({ db, clock, log: silentLog, settings, limits: none })
    api = wdpostApi(jobs) as unknown as Client<typeof wdpostMethods>
    void ask([1])
    await listed(2)
    expect((await taken(reader('near'))).Read).to.deep.include({ SectorLimit: 60_000, Limit: 12 * 60_000 })
  })

  it('when the deadline closes later than was reckoned, the jobs are given again', async () => {
    const first = message(ask([1], { closesAt: clock.now() + 60_000 }))
    await listed(2)
    clock.advance(60_000)
    await jobs.sweep()
    const why = await look('that its end is told', async () => Promise.race([first, undefined]))
    expect(why).to.contain('the deadline has closed')
    const second = ask([1], { closesAt: clock.now() + 30 * 60_000 })
    const job = await look('a job to read', () => take(reader('near')))
    await readAll(job)
    await api.WdPoStFinishJob((await taken(PROVER)).Id, good, '')
    expect((await second).proofs).to.have.length(1)
  })

  it('only what is of the job is taken', async () => {
    void ask([1, 101])
    await listed(3)
    const near = await taken(reader('near'))
    expect(await bring(near, [1, 101])).to.equal('not of this job')
    expect(await bring({ ...near, Id: near.Id.replace(/-r\d+$/, '') })).to.equal('unknown job')
    expect(await bring({ ...near, Id: 'nojob' })).to.equal('unknown job')
    expect(await chunks()).to.equal(0)
  })

  it('who says to have read everything, and has not, has failed', async () => {
    void ask([1, 2])
    await listed(2)
    const job = await taken(reader('near'))
    await bring(job, [1])
    await api.WdPoStFinishJob(job.Id, nothing, '')
    expect(await jobOf(job.Id)).to.deep.include({ State: 'ready2run', ErrorReason: 'sectors not read: 2' })
  })

  it('many workers at once get each job once, and the proof waits for the last of them', async () => {
    const numbers = [1, 2, 3, 101, 102]
    void ask(numbers)
    void ask(numbers, { partitions: [1], randomness: NEXT_SEED })
    await listed(6)
    const given = await Promise.all(Array.from({ length: 8 }, (_, at) => take(reader('near', 'far'), `w${at}`)))
    const readers = given.flatMap(job => (job ? [job] : []))
    expect(new Set(readers.map(({ Id }) => Id)).size).to.equal(4)
    expect(readers).to.have.length(4)
    await Promise.all(
      readers.map(async (job, at) => {
        await bring(job, sectorsOf(job), at)
        await api.WdPoStFinishJob(job.Id, nothing, '')
      }),
    )
    expect((await all()).filter(({ Part, Waits }) => Part === 'prove' && Waits === 0)).to.have.length(2)
    const provers = await Promise.all([take(PROVER, 'g1'), take(PROVER, 'g2'), take(PROVER, 'g3')])
    expect(provers.filter(job => job !== undefined)).to.have.length(2)
  })
})
