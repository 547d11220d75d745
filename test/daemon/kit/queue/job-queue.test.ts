import { expect } from 'chai'
import type { Knex } from 'knex'
import { type Migration, openDatabase } from '../../../../daemon/kit/database.js'
import { type Claim, JobQueue } from '../../../../daemon/kit/queue/job-queue.js'
import { addLeaseColumns, addQueueIndexes, type JobTable } from '../../../../daemon/kit/queue/job-table.js'
import { pauseAfter } from '../../../../daemon/kit/queue/retry-policy.js'
import { createTable } from '../../../../migrations/create-table.js'
import { onEachDatabase } from '../../../harness/on-each-database.js'
import { FakeClock } from '../../worker/support/fake-clock.js'

/** Names, numbers and seconds of another program's table, as a take-over finds them. */
const TABLE: JobTable = {
  name: 'tasks',
  columns: {
    id: 'id',
    group: 'miner',
    kind: 'task_type',
    state: 'state',
    owner: 'worker_id',
    error: 'error_msg',
    createdAt: 'create_at',
    startedAt: 'start_at',
    finishedAt: 'complete_at',
    fence: 'fence',
    attempts: 'attempts',
    leaseUntil: 'lease_until',
    notBefore: 'not_before',
  },
  states: { ready: 1, running: 2, parked: 3, done: 4 },
  timeUnitMs: 1000,
  errorLength: 40,
}

const schema: Migration = {
  name: 'tasks',
  async up(db) {
    for (const name of ['tasks', 'tasks_archived'])
      await createTable(db, name, table => {
        table.string('id').notNullable().primary()
        for (const text of ['miner', 'worker_id', 'error_msg']) table.string(text).notNullable()
        for (const number of ['task_type', 'state', 'create_at', 'start_at', 'complete_at'])
          table.integer(number).notNullable()
        table.binary('proof')
      })
    for (const name of ['tasks', 'tasks_archived'])
      await db.schema.alterTable(name, table => addLeaseColumns(table, TABLE))
    await db.schema.alterTable('tasks', table => addQueueIndexes(table, TABLE))
  },
}

const RETRY = { maxAttempts: 3, firstPauseMs: 10_000, longestPauseMs: 60_000 }
const LEASE_MS = 30_000

describe('queue: pauses', () => {
  it('double up to the longest, and end after the last attempt', () => {
    const policy = { maxAttempts: 6, firstPauseMs: 10, longestPauseMs: 50 }
    expect([1, 2, 3, 4, 5, 6].map(attempts => pauseAfter(attempts, policy))).to.deep.equal([
      10,
      20,
      40,
      50,
      50,
      undefined,
    ])
  })
})

onEachDatabase('queue', database => {
  let clock: FakeClock
  let dsn: string
  let queue: JobQueue
  const open: Knex[] = []

  const connect = async (): Promise<JobQueue> => {
    const db = await openDatabase({ dsn, migrations: [schema] })
    open.push(db)
    return new JobQueue({ db, table: TABLE, retry: RETRY, clock })
  }

  beforeEach(async () => {
    clock = new FakeClock()
    dsn = await database.fresh()
    queue = await connect()
  })
  afterEach(async () => {
    for (const db of open.splice(0)) await db.destroy()
  })

  const add = (id: string, group = 'f01000'): Promise<boolean> => queue.add({ id, group, kind: 0 }, { proof: null })
  const claim = (owner = 'a', leaseMs = LEASE_MS) => queue.claim({ owner, kinds: [0], leaseMs })
  const claimed = async (owner = 'a'): Promise<Claim> => {
    const job = await claim(owner)
    if (job === undefined) throw new Error('nothing to claim')
    return job
  }
  const state = async (id: string) => (await queue.find(id))?.state

  it('adds a job once', async () => {
    expect(await Promise.all([add('x'), add('x'), add('x')])).to.have.members([true, false, false])
    expect(await queue.count()).to.deep.equal({ ready: 1, running: 0, parked: 0, done: 0 })
  })

  it('gives each job to one owner, the oldest first', async () => {
    await add('first')
    clock.advance(2_000)
    await add('second')
    const one = await claim('a')
    expect(one).to.deep.include({ id: 'first', owner: 'a', state: 'running', fence: 1, attempts: 1 })
    expect(one!.leaseUntil).to.equal(clock.now() + LEASE_MS)
    expect((await claim('b'))?.id).to.equal('second')
    expect(await claim('c')).to.equal(undefined)
  })

  it('takes only the kinds that the owner can do', async () => {
    await add('x')
    expect(await queue.claim({ owner: 'a', kinds: [7], leaseMs: LEASE_MS })).to.equal(undefined)
    expect((await queue.claim({ owner: 'a', kinds: [7, 0], leaseMs: LEASE_MS }))?.id).to.equal('x')
  })

  it('is fair: a group with a backlog does not hold up the others', async () => {
    for (const id of ['a1', 'a2', 'a3']) await add(id, 'f01')
    clock.advance(5_000)
    await add('b1', 'f02')
    clock.advance(5_000)
    await add('c1', 'f03')
    const order: string[] = []
    for (let job = await claim(); job !== undefined; job = await claim()) order.push(job.id)
    expect(order).to.deep.equal(['a1', 'b1', 'c1', 'a2', 'a3'])
  })

  it('is as fair to claims that arrive together, of whatever kinds', async () => {
    for (const id of ['a1', 'a2', 'a3', 'a4']) await add(id, 'f01')
    clock.advance(5_000)
    for (const id of ['b1', 'b2']) await add(id, 'f02')
    await queue.add({ id: 'b7', group: 'f02', kind: 7 }, { proof: null })
    const given = await Promise.all(
      [[0], [0], [7], [0], [0, 7], [7], [0], [0], [0], [0]].map((kinds, at) =>
        queue.claim({ owner: `w${at}`, kinds, leaseMs: LEASE_MS }),
      ),
    )
    const ids = given.map(job => job?.id)
    if (database.name === 'SQLite')
      expect(ids).to.deep.equal(['a1', 'b1', 'b7', 'a2', 'b2', undefined, 'a3', 'a4', undefined, undefined])
    else expect(ids.filter(id => id !== undefined).toSorted()).to.deep.equal(['a1', 'a2', 'a3', 'a4', 'b1', 'b2', 'b7'])
    for (const [at, job] of given.entries())
      if (job) expect(await queue.find(job.id)).to.deep.include({ owner: `w${at}`, fence: 1, state: 'running' })
  })

  it('gives nothing away when what is done with a claim fails', async () => {
    await add('x')
    await add('y')
    const failing = queue
      .claim({ owner: 'a', kinds: [0], leaseMs: LEASE_MS }, () => Promise.reject(new Error('no')))
      .catch((error: Error) => error.message)
    expect(await failing).to.equal('no')
    expect(await queue.count()).to.deep.equal({ ready: 2, running: 0, parked: 0, done: 0 })
    expect((await claim())?.id).to.equal('x')
  })

  it('records a result once, and only under a good claim', async () => {
    await add('x')
    const job = await claimed()
    expect(await queue.complete(job, 'a', { proof: Buffer.from('p') })).to.equal(true)
    expect(await queue.complete(job, 'a', { proof: Buffer.from('q') })).to.equal(false)
    expect(await queue.complete({ id: 'x' }, 'b', { proof: Buffer.from('r') }), 'nor by anybody').to.equal(false)
    const { row, state: now, owner } = (await queue.find('x'))!
    expect([Buffer.from(row.proof as Uint8Array).toString(), now, owner]).to.deep.equal(['p', 'done', 'a'])
  })

  it('takes a checked result from whomever it comes, as long as there is none', async () => {
    await add('x')
    await claimed('a')
    expect(await queue.complete({ id: 'x' }, 'b', { proof: Buffer.from('r') })).to.equal(true)
    expect(await state('x')).to.equal('done')
  })

  it('takes the job of a silent owner back, who is not heard any more', async () => {
    await add('x')
    const first = await claimed('a')
    clock.advance(LEASE_MS - 1)
    expect(await queue.heartbeat(first, LEASE_MS)).to.equal(true)
    clock.advance(LEASE_MS)
    expect(await queue.expire(), 'not yet').to.deep.equal([])
    clock.advance(1)
    expect((await queue.expire()).map(({ job, became }) => [job.id, became])).to.deep.equal([['x', 'ready']])
    expect(await claim('b'), 'after a pause').to.equal(undefined)
    clock.advance(RETRY.firstPauseMs)
    const second = await claimed('b')
    expect(second.fence).to.equal(first.fence + 1)
    expect(await queue.heartbeat(first, LEASE_MS)).to.equal(false)
    expect(await queue.fail(first, 'late')).to.equal('stale')
    expect(await queue.release(first)).to.equal(false)
    expect(await queue.complete(first, 'a', {})).to.equal(false)
    expect(await queue.complete(second, 'b', {})).to.equal(true)
  })

  it('renews all that an owner has', async () => {
    await add('x')
    await add('y')
    await claimed('a')
    await claimed('a')
    clock.advance(LEASE_MS)
    expect(await queue.heartbeatOwner('a', LEASE_MS)).to.equal(2)
    clock.advance(LEASE_MS)
    expect(await queue.expire()).to.deep.equal([])
  })

  it('tries a failed job again after a pause, parks it after the last attempt, and keeps the reason', async () => {
    await add('x')
    for (const pauseMs of [10_000, 20_000]) {
      expect(await queue.fail(await claimed(), 'out of memory')).to.equal('ready')
      clock.advance(pauseMs - 1)
      expect(await claim()).to.equal(undefined)
      clock.advance(1)
      expect((await queue.find('x'))?.error).to.equal('out of memory')
    }
    expect(await queue.fail(await claimed(), 'm'.repeat(100))).to.equal('parked')
    expect((await queue.find('x'))?.error).to.equal(`${'m'.repeat(39)}…`)
    expect(await claim()).to.equal(undefined)
    expect(await queue.reset(['x'])).to.equal(1)
    expect((await claim())?.attempts).to.equal(1)
  })

  it('parks at once what no attempt would do better', async () => {
    await add('x')
    expect(await queue.fail(await claimed(), 'broken input', { forGood: true })).to.equal('parked')
  })

  it('takes back a job that was released without counting the attempt', async () => {
    await add('x')
    expect(await queue.release(await claimed())).to.equal(true)
    expect((await claim())?.attempts).to.equal(1)
  })

  it('parks, resets and removes by hand; a running attempt loses its claim', async () => {
    await add('x')
    const job = await claimed()
    expect(await queue.park(['x', 'nobody'], 'by hand')).to.equal(1)
    expect(await queue.complete(job, 'a', {})).to.equal(false)
    expect(await queue.remove(['x'])).to.equal(1)
    expect(await queue.find('x')).to.equal(undefined)
  })

  it('archives what was done long ago', async () => {
    for (const id of ['x', 'y']) await add(id)
    await queue.complete(await claimed(), 'a', {})
    clock.advance(3_600_000)
    await queue.complete(await claimed(), 'a', {})
    expect(await queue.archive('tasks_archived', clock.now() - 1_800_000)).to.equal(1)
    expect(await queue.count()).to.deep.equal({ ready: 0, running: 0, parked: 0, done: 1 })
    expect(await open[0]!('tasks_archived').pluck('id')).to.deep.equal(['x'])
  })

  it('lists by filter, page by page, the newest first', async () => {
    for (const id of ['a', 'b', 'c', 'd', 'e']) {
      await add(id, id < 'c' ? 'f01' : 'f02')
      if (id !== 'c') clock.advance(1_000)
    }
    const pages: string[][] = []
    let cursor: string | undefined
    do {
      const { jobs, next } = await queue.list({}, { limit: 2, cursor })
      pages.push(jobs.map(({ id }) => id))
      cursor = next
    } while (cursor !== undefined)
    expect(pages).to.deep.equal([['e', 'd'], ['c', 'b'], ['a']])
    const { jobs } = await queue.list({ groups: ['f02'], states: ['ready'], kinds: [0], owners: [''] }, { limit: 9 })
    expect(jobs.map(({ id }) => id)).to.deep.equal(['e', 'd', 'c'])
    const failure = await queue.list({}, { limit: 2, cursor: 'x' }).catch((error: Error) => error)
    expect(failure).to.be.instanceOf(RangeError)
  })

  it('64 claimers get each of 10,000 jobs once', async function () {
    this.timeout(240_000)
    const others = database.name === 'SQLite' ? [queue] : [queue, await connect(), await connect()]
    const ids = Array.from({ length: 10_000 }, (_, at) => `job-${at}`)
    const { columns: c, states } = TABLE
    const created = Math.floor(clock.now() / TABLE.timeUnitMs)
    const rows = ids.map((id, at) => ({
      [c.id]: id,
      [c.group]: `f0${at % 5}`,
      [c.kind]: 0,
      [c.state]: states.ready,
      [c.owner]: '',
      [c.error]: '',
      [c.createdAt]: created + (at % 100),
      [c.startedAt]: 0,
      [c.finishedAt]: 0,
    }))
    await open[0]!.batchInsert(TABLE.name, rows, 500)
    const given = new Map<string, number>()
    const claimer = async (name: string, from: JobQueue): Promise<void> => {
      for (;;) {
        const job = await from.claim({ owner: name, kinds: [0], leaseMs: LEASE_MS })
        if (job !== undefined) {
          given.set(job.id, (given.get(job.id) ?? 0) + 1)
          if (!(await from.complete(job, name, {}))) throw new Error(`${job.id} was taken from ${name}`)
        } else if ((await from.count()).ready === 0) return
      }
    }
    await Promise.all(Array.from({ length: 64 }, (_, at) => claimer(`w${at}`, others[at % others.length]!)))
    expect(given.size).to.equal(ids.length)
    expect([...given.values()].every(times => times === 1)).to.equal(true)
    expect(await queue.count()).to.deep.equal({ ready: 0, running: 0, parked: 0, done: ids.length })
  })
})
