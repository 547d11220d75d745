import { expect } from 'chai'
import type { Knex } from 'knex'
import { openDatabase } from '../../../../../daemon/kit/database.js'
import { silentLog } from '../../../../../daemon/kit/log.js'
import { DUE_TRIAL } from '../../../../../daemon/manager/post/provers/worker-prover/job-table.js'
import { WdPostJobs } from '../../../../../daemon/manager/post/provers/worker-prover/wdpost-jobs.js'
import { WorkerProver } from '../../../../../daemon/manager/post/provers/worker-prover/worker-prover.js'
import type { WindowProofRequest, WindowProofResult } from '../../../../../daemon/manager/post/window-prover.js'
import type { SectorPlace } from '../../../../../daemon/manager/storage/sector-places.js'
import { managerMigrations } from '../../../../../migrations/manager/index.js'
import { eventually } from '../../../../harness/eventually.js'
import { onEachDatabase } from '../../../../harness/on-each-database.js'
import { FakeClock } from '../../../worker/support/fake-clock.js'

const LIMIT_MS = 60_000
const ANY = { AllowedMiners: [], AllowedProofTypes: [] }
const SETTINGS = { JobMaxTry: 2, HeartbeatTimeout: 15_000, JobLifetime: 25 * 3_600_000, Redundancy: 1, Split: false }
const LIMITS = { SingleCheckTimeout: 60_000, PartitionCheckTimeout: 20 * 60_000 }

interface Manager {
  readonly jobs: WdPostJobs
  readonly prover: WorkerProver
}

onEachDatabase('trials of several managers by the same workers', database => {
  let db: Knex
  let clock: FakeClock
  let first: Manager
  let second: Manager
  const asked: Promise<unknown>[] = []
  const ends = new Set<AbortController>()

  before(async () => {
    db = await openDatabase({ dsn: await database.fresh(), migrations: managerMigrations })
  })
  after(() => db.destroy())
  beforeEach(function () {
    this.currentTest!.timeout(2 * LIMIT_MS)
    clock = new FakeClock()
    first = manager()
    second = manager()
  })
  afterEach(async () => {
    for (const end of ends) end.abort(new Error('the test is over'))
    ends.clear()
    await Promise.all(asked.splice(0))
    await db('wdpost_jobs').delete()
  })

  function manager(): Manager {
    const jobs = new WdPostJobs({ db, clock, log: silentLog, settings: SETTINGS, limits: LIMITS })
    const store = { name: 'persist1' }
    const places = { find: async () => ({ sealedStore: store, cacheStore: store }) as SectorPlace }
    return { jobs, prover: new WorkerProver({ jobs, places, clock, log: silentLog }) }
  }

  function ask({ prover }: Manager, change: Partial<WindowProofRequest> = {}) {
    const end = new AbortController()
    ends.add(end)
    const of: WindowProofRequest = {
      miner: 1000,
      postProof: 10,
      deadline: 3,
      partitions: [0],
      replicas: [{ number: 1, commR: new Uint8Array(32).fill(1), upgraded: false }],
      randomness: new Uint8Array(32).fill(5),
      ...(change.trial !== true && { closesAt: clock.now() + 30 * 60_000 }),
      ...change,
    }
    const result = prover.prove(of, end.signal)
    asked.push(result.catch(() => undefined))
    return { result, end }
  }
  /** What the only real job and the only trial are at. */
  const states = async (): Promise<Record<string, string>> => {
    const rows: { due_at: number; state: string }[] = await db('wdpost_jobs').select('due_at', 'state')
    return Object.fromEntries(rows.map(({ due_at, state }) => [Number(due_at) === DUE_TRIAL ? 'trial' : 'real', state]))
  }
  const are = (expected: Record<string, string>) =>
    eventually(JSON.stringify(expected), LIMIT_MS, async () => {
      const found = await states()
      return JSON.stringify(Object.entries(found).sort()) === JSON.stringify(Object.entries(expected).sort())
        ? true
        : undefined
    })
  /** Turns the clock until the work is done. */
  const inTime = async (result: Promise<WindowProofResult>): Promise<WindowProofResult> => {
    let isDone = false
    void result.finally(() => (isDone = true)).catch(() => {})
    await eventually('its end', LIMIT_MS, () => {
      clock.advance(1_000)
      return isDone || undefined
    })
    return result
  }
  const proof = { proofs: [new Uint8Array(192).fill(7)], faults: [] }

  it('a trial comes after real proofs, whoever was first; one that shows the same as a real proof is that real proof', async () => {
    const trial = ask(first, { trial: true })
    await are({ trial: 'ready' })
    const real = ask(second)
    await are({ real: 'ready' })
    // Whoever gives the trial up now does not touch it.
    trial.end.abort(new Error('two hours'))
    await trial.result.catch(() => {})
    ask(first, { trial: true, partitions: [1], randomness: new Uint8Array(32) })
    await are({ real: 'ready', trial: 'ready' })
    const given = await first.jobs.allocate(ANY, 5, 'w1')
    expect(given.map(({ Input }) => Input.Seed[0])).to.deep.equal([5, 0])
    await first.jobs.finish(given[0]!.Id, proof, '')
    expect((await inTime(real.result)).proofs).to.have.length(1)
  })

  it('a real proof for which a trial has asked before is not dropped with the trials', async () => {
    ask(first, { trial: true })
    await are({ trial: 'ready' })
    await first.jobs.allocate(ANY, 1, 'w1')
    ask(second, { deadline: 4, partitions: [8], randomness: new Uint8Array(32).fill(8) })
    await are({ trial: 'failed', real: 'ready' })
    ask(second)
    await eventually('two real ones', LIMIT_MS, async () => {
      const rows = await db('wdpost_jobs').where('due_at', '<', DUE_TRIAL).where('state', 'ready').select('id')
      return rows.length === 2 || undefined
    })
    const [job] = await first.jobs.allocate(ANY, 1, 'w2')
    await first.jobs.finish(job!.Id, proof, '')
    await eventually('a proof', LIMIT_MS, async () => {
      const rows = await db('wdpost_jobs').where('state', 'done').select('id')
      return rows.length === 1 || undefined
    })
  })

  it('a worker that is at a trial is free for the real proof of any manager; the trial is made when nothing real is wanted', async () => {
    const trial = ask(first, { trial: true, randomness: new Uint8Array(32) })
    await are({ trial: 'ready' })
    const [tried] = await first.jobs.allocate(ANY, 1, 'w1')
    const real = ask(second, { deadline: 4, partitions: [8] })
    await are({ trial: 'failed', real: 'ready' })
    const lost = await first.jobs.heartbeat([tried!.Id], 'w1').catch((error: Error) => error.message)
    expect(lost).to.equal('key not found')
    // However often the first manager looks meanwhile.
    for (let looks = 0; looks < 5; looks++) {
      await eventually('both wait', LIMIT_MS, () => clock.sleepers === 2 || undefined)
      clock.advance(3_000)
    }
    await are({ trial: 'failed', real: 'ready' })
    const [job] = await second.jobs.allocate(ANY, 1, 'w1')
    await second.jobs.finish(job!.Id, proof, '')
    expect((await inTime(real.result)).proofs).to.have.length(1)
    await eventually('the trial is wanted again', LIMIT_MS, async () => {
      clock.advance(3_000)
      return (await states()).trial === 'ready' || undefined
    })
    const [again] = await second.jobs.allocate(ANY, 1, 'w2')
    expect(again!.Id).to.equal(tried!.Id)
    await second.jobs.finish(again!.Id, proof, '')
    expect((await inTime(trial.result)).proofs).to.have.length(1)
  })

  it('a trial drops nothing that another manager waits for, also what this one has given up', async () => {
    const ours = ask(first)
    await are({ real: 'ready' })
    const [job] = await first.jobs.allocate(ANY, 1, 'w1')
    // The other manager has taken the partition over, and waits for the same proof.
    const theirs = ask(second)
    ours.end.abort(new Error('another manager has taken partitions 0 over'))
    await ours.result.catch(() => {})
    ask(first, { trial: true, randomness: new Uint8Array(32) })
    await are({ real: 'running', trial: 'ready' })
    await second.jobs.heartbeat([job!.Id], 'w1')
    await second.jobs.finish(job!.Id, proof, '')
    expect((await inTime(theirs.result)).proofs).to.have.length(1)
  })

  it('a trial that nobody waits for any more is over', async () => {
    const trial = ask(first, { trial: true })
    await are({ trial: 'ready' })
    trial.end.abort(new Error('two hours'))
    await trial.result.catch(() => {})
    await are({ trial: 'failed' })
  })
})
