import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import knex, { type Knex } from 'knex'
import { startGpuProxyWorker } from '../../../daemon/gpuproxy/worker/start-worker.js'
import { silentLog } from '../../../daemon/kit/log.js'
import { resourceIdOf, taskIdOf } from '../../../rpc-schema/gpuproxy/task-ids.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { onEachDatabase } from '../../harness/on-each-database.js'
import { ProxyUnderTest, proofFor, resource } from './proxy-under-test.js'

/** Types of the original's columns. */
const TYPES = {
  SQLite: { text: 'text', bytes: 'blob', document: 'blob', long: 'bigint', int: 'integer', quote: '"' },
  MariaDB: { text: 'varchar(255)', bytes: 'blob', document: 'longblob', long: 'bigint', int: 'int', quote: '`' },
}
const MIGRATIONS = [
  'm20220101_000001_create_table',
  'm20220426_000001_create_table',
  'm20230111_000001_create_table',
  'm20230113_000001_create_table',
]
const INDEXES = {
  tasks_create_at: 'create_at',
  tasks_start_at: 'start_at',
  tasks_complete_at: 'complete_at',
  tasks_state: 'state',
  tasks_tasktype: 'task_type',
  tasks_worker_id: 'worker_id',
  tasks_workerid_state: 'worker_id, state',
  tasks_workerid_tasktype: 'worker_id, task_type',
}
const OWN_ID = '9f001529-149d-48e7-8e61-bf981c1f7ca4'

/** A database as the original leaves it behind, in its newest version or as it was when it knew no comments and no workers. */
async function originals(db: Knex, kind: keyof typeof TYPES, version: 'newest' | 'first'): Promise<void> {
  const { text, bytes, document, long, int, quote: q } = TYPES[kind]
  const table = (name: string, columns: Record<string, string>): Promise<unknown> => {
    const list = Object.entries(columns).map(([column, type]) => `${q}${column}${q} ${type} NOT NULL`)
    return db.raw(`CREATE TABLE IF NOT EXISTS ${q}${name}${q} (${list}, PRIMARY KEY (${Object.keys(columns)[0]}))`)
  }
  await table('seaql_migrations', { version: text, applied_at: long })
  await table('resource_infos', { id: text, data: document, create_at: int })
  await table('worker_infos', { id: text })
  await table('tasks', {
    id: text,
    miner: text,
    resource_id: text,
    proof: bytes,
    worker_id: text,
    task_type: int,
    error_msg: text,
    state: int,
    create_at: int,
    start_at: int,
    complete_at: int,
  })
  const applied = version === 'first' ? MIGRATIONS.slice(0, 1) : MIGRATIONS
  if (version === 'newest') {
    for (const [name, columns] of Object.entries(INDEXES)) await db.raw(`CREATE INDEX ${name} ON tasks (${columns})`)
    await table('workers_states', {
      id: text,
      worker_id: text,
      ips: text,
      support_types: text,
      create_at: int,
      update_at: int,
    })
    await db.raw(`ALTER TABLE tasks ADD COLUMN comment ${text} NOT NULL DEFAULT ''`)
  }
  for (const name of applied) await db.raw('INSERT INTO seaql_migrations VALUES (?, ?)', [name, 1_690_000_000])
  await db.raw('INSERT INTO worker_infos VALUES (?)', [OWN_ID])
}

const COLUMNS =
  'id, miner, resource_id, proof, worker_id, task_type, error_msg, state, create_at, start_at, complete_at'.split(', ')

onEachDatabase('gpuproxy: take-over of a database of the original', database => {
  const kind = database.name as keyof typeof TYPES
  let dir: string
  let dsn: string
  let db: Knex
  let proxy: ProxyUnderTest

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'take-over-'))
    const fresh = await database.fresh()
    dsn = fresh === ':memory:' ? join(dir, 'gpuproxy.db') : fresh
    db =
      kind === 'SQLite'
        ? knex({ client: 'better-sqlite3', connection: { filename: dsn }, useNullAsDefault: true })
        : knex({ client: 'mysql2', connection: dsn })
  })
  afterEach(async () => {
    await proxy.stop()
    await db.destroy()
    rmSync(dir, { recursive: true, force: true })
  })

  const idOf = (sector: number): string => taskIdOf(Address.fromId(1000), 0, resourceIdOf(resource(sector)))
  /** As the original inserts: by the names of its columns. */
  const insert = async (sector: number, state: number, more: Record<string, unknown> = {}): Promise<string> => {
    const row = {
      id: idOf(sector),
      miner: '01000',
      resource_id: resourceIdOf(resource(sector)),
      proof: Buffer.alloc(0),
      worker_id: '',
      task_type: 0,
      error_msg: '',
      state,
      create_at: 1_690_000_000 + sector,
      start_at: 0,
      complete_at: 0,
      ...more,
    }
    const names = Object.keys(row)
    await db.raw(
      `INSERT INTO tasks (${names}) VALUES (${names.map(() => '?')})`,
      Object.values(row) as Knex.RawBinding[],
    )
    if (state !== 4)
      await db.raw('INSERT INTO resource_infos (id, data, create_at) VALUES (?, ?, ?)', [
        row.resource_id,
        resource(sector),
        row.create_at,
      ])
    return row.id
  }
  const rowsOf = async (sql: string, values: Knex.RawBinding[] = []): Promise<Record<string, unknown>[]> => {
    const answer: unknown = await db.raw(sql, values)
    return (kind === 'SQLite' ? answer : (answer as [unknown])[0]) as Record<string, unknown>[]
  }

  it('S000-12 S000-13: tasks in every state go on as they are, and the original can work with the database again', async () => {
    await originals(db, kind, 'newest')
    const waiting = await insert(1, 1, { comment: 'SectorId(1) MinerId(1000)' })
    const running = await insert(2, 2, { worker_id: 'old-worker', start_at: 1_690_000_100 })
    const failed = await insert(3, 3, { worker_id: 'old-worker', error_msg: 'Panic: recv prover: RecvError' })
    const done = await insert(4, 4, { worker_id: 'old-worker', proof: proofFor(4), complete_at: 1_699_999_000 })
    const before = await rowsOf(`SELECT ${[...COLUMNS, 'comment']} FROM tasks ORDER BY id`)

    proxy = await ProxyUnderTest.start({ dsn, resourceDir: undefined })
    expect(await rowsOf(`SELECT ${[...COLUMNS, 'comment']} FROM tasks ORDER BY id`)).to.deep.equal(before)
    expect((await proxy.proof.GetTask(waiting)).comment).to.equal('SectorId(1) MinerId(1000)')
    expect(Buffer.from((await proxy.proof.GetTask(done)).proof).equals(proofFor(4))).to.equal(true)
    expect(await proxy.add(4), 'what is done stays done').to.equal(done)
    expect((await proxy.proof.GetTask(done)).state).to.equal(4)
    expect((await proxy.proof.FetchUncomplete('old-worker')).map(({ id }) => id)).to.deep.equal([running])
    expect((await proxy.proof.FetchTodo('new-worker', null)).id, 'not what another still has').to.equal(waiting)
    await proxy.proof.RecordProof('old-worker', running, proofFor(2))
    await proxy.proof.UpdateStatusById([failed], 1)
    expect((await proxy.proof.FetchTodo('old-worker', [0])).id).to.equal(failed)
    await proxy.proof.RecordProof('old-worker', failed, proofFor(3))
    expect((await rowsOf('SELECT id FROM resource_infos')).map(({ id }) => id)).to.deep.equal([
      resourceIdOf(resource(1)),
    ])

    // Back to the original, which refuses a database with steps that it does not know.
    const next = await proxy.add(5)
    await proxy.halt()
    expect((await rowsOf('SELECT version FROM seaql_migrations')).map(({ version }) => version)).to.deep.equal(
      MIGRATIONS,
    )
    await insert(6, 1)
    const select = `SELECT ${[...COLUMNS, 'comment']} FROM tasks WHERE state = 1 AND task_type IN (0) ORDER BY create_at ASC LIMIT 1`
    expect((await rowsOf(select))[0]).to.deep.include({ id: idOf(6), miner: '01000' })
    for (const id of [idOf(6), next])
      await db.raw('UPDATE tasks SET state = 2, worker_id = ?, start_at = ? WHERE id = ? AND state = 1', [
        'old-worker',
        1_700_000_000,
        id,
      ])
    await db.raw("UPDATE tasks SET state = 4, worker_id = ?, proof = ?, error_msg = '', complete_at = ? WHERE id = ?", [
      'old-worker',
      proofFor(6),
      1_700_000_100,
      idOf(6),
    ])

    // And forth again.
    await proxy.run({ dsn, resourceDir: undefined })
    expect((await proxy.proof.GetTask(idOf(6))).state).to.equal(4)
    expect((await proxy.proof.FetchUncomplete('old-worker')).map(({ id }) => id)).to.deep.equal([next])
    await proxy.proof.RecordProof('old-worker', next, proofFor(5))
    expect((await proxy.proof.GetTask(next)).state).to.equal(4)
  })

  it('what was done long ago is archived, and found there', async () => {
    await originals(db, kind, 'newest')
    const id = await insert(4, 4, { worker_id: 'old-worker', proof: proofFor(4), complete_at: 1_690_000_900 })
    proxy = await ProxyUnderTest.start({ dsn, resourceDir: undefined })
    while ((await rowsOf('SELECT id FROM tasks')).length > 0) await new Promise(resolve => setImmediate(resolve))
    const found = await proxy.proof.GetTask(id)
    expect(found).to.deep.include({ id, state: 4, workerId: 'old-worker' })
    expect(Buffer.from(found.proof).equals(proofFor(4))).to.equal(true)
    expect(await proxy.add(4), 'it is not made a second time').to.equal(id)
    expect(await rowsOf('SELECT id FROM tasks')).to.deep.equal([])
    expect(await proxy.lease.RemoveTasks([id])).to.equal(1)
    expect(await proxy.add(4)).to.equal(id)
    expect((await proxy.proof.GetTask(id)).state).to.equal(1)
  })

  it('a running task whose worker does not come back goes to another, after a while', async () => {
    await originals(db, kind, 'newest')
    const id = await insert(2, 2, { worker_id: 'dead-worker', start_at: 1_690_000_100 })
    proxy = await ProxyUnderTest.start({ dsn, resourceDir: undefined })
    const look = async (ms: number) => {
      proxy.clock.advance(ms)
      for (let turns = 0; turns < 20; turns++) await new Promise(resolve => setImmediate(resolve))
      return (await proxy.lease.ShowTask(id))!.state
    }
    expect(await look(100_000)).to.equal(2)
    while ((await look(6_000)) === 2);
    proxy.clock.advance(60_000)
    expect((await proxy.proof.FetchTodo('other', null)).id).to.equal(id)
  })

  it('a database of the first version is brought up to date, with what is in it', async () => {
    await originals(db, kind, 'first')
    const id = await insert(1, 1)
    proxy = await ProxyUnderTest.start({ dsn, resourceDir: undefined })
    expect(await proxy.proof.GetTask(id)).to.deep.include({ id, comment: '', state: 1 })
    await proxy.proof.ReportWorkerInfo('w', '127.0.0.1', 'C2')
    expect((await rowsOf('SELECT version FROM seaql_migrations')).map(({ version }) => version)).to.deep.equal(
      MIGRATIONS,
    )
    await proxy.proof.FetchTodo('w', null)
    await proxy.proof.RecordProof('w', id, proofFor(1))
    expect((await proxy.proof.GetTask(id)).state).to.equal(4)
  })

  it('S000-22: a worker is known by the id that the original gave it; an empty file gets one', async () => {
    await originals(db, kind, 'newest')
    proxy = await ProxyUnderTest.start({})
    const idFrom = async (store: string): Promise<string> => {
      const worker = await startGpuProxyWorker({
        url: proxy.url,
        dsn: store,
        maxTasks: 1,
        types: null,
        resourceDir: undefined,
        log: silentLog,
        maker: { prove: () => Promise.reject(new Error('nothing to prove')), close: () => Promise.resolve() },
      })
      await worker.stop()
      return worker.workerId
    }
    expect(await idFrom(dsn)).to.equal(OWN_ID)
    const empty = join(dir, 'gpuproxy-worker.db')
    writeFileSync(empty, '')
    const made = await idFrom(`sqlite://${empty}`)
    expect(made).to.match(/^[0-9a-f-]{36}$/)
    expect(readFileSync(empty).length).to.be.greaterThan(0)
    expect(await idFrom(`sqlite://${empty}`)).to.equal(made)
  })
})
