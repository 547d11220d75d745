import { readFileSync, renameSync } from 'node:fs'
import { expect } from 'chai'
import knex from 'knex'
import { WriteRefusals } from '../../../../daemon/manager/api/write-refusals.js'
import { METRICS, metricsMarkdown, PREFIX } from '../../../../daemon/manager/http/metrics-table.js'
import { ManagerBench } from '../manager-bench.js'

interface Health {
  status: string
  node: { ok: boolean; height: number }
  stores: { error?: string; stores: { name: string }[] }
}

describe('manager: metrics and health', function () {
  this.timeout(60_000)
  let bench: ManagerBench
  before(async () => {
    bench = await new ManagerBench().start()
  })
  after(() => bench?.stop())

  const get = async (path: string): Promise<Response> => fetch(`http://${bench.manager.address}${path}`)

  it('serves every metric of the table, and none besides', async () => {
    await bench.sealed()
    await bench.api.WorkerPing({
      Name: 'w1',
      Dest: '127.0.0.1:17890',
      Version: '1',
      Summary: { Threads: 3, Empty: 1, Paused: 0, Running: 2, Waiting: 0, Errors: 0 },
    })
    bench.manager.reload()
    const text = await (await get('/metrics')).text()
    const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => `${name} ${type}`)
    expect(types).to.have.members(Object.values(METRICS).map(({ name, type }) => `${PREFIX}${name} ${type}`))
    const lines = text.split('\n')
    expect(lines).to.include.members([
      'damocles_manager_new_sector{miner="1000"} 1',
      'damocles_manager_worker_count{category="<=60s"} 1',
      'damocles_manager_worker_count{category=">300s"} 0',
      'damocles_manager_thread_count{category="running"} 2',
      'damocles_manager_sectors{store="online"} 1',
      'damocles_manager_store_up{store="persist"} 1',
      'damocles_manager_database_up 1',
      'damocles_manager_config_reloads{result="done"} 1',
      'damocles_manager_api_state 1',
    ])
    expect(text).to.match(
      /^damocles_manager_api_request_duration_ms_count\{api="damocles-manager",endpoint="AllocateSector",result="ok"\} 1$/m,
    )
    expect(text).to.match(/^damocles_manager_event_loop_delay_seconds\{quantile="0\.99"\} [\d.e-]+$/m)
    expect(text).to.match(/^damocles_manager_store_free_bytes\{store="persist"\} [1-9]/m)
  })

  it('docs/metrics.md has the table as it is declared', () => {
    const doc = readFileSync(new URL('../../../../../docs/metrics.md', import.meta.url), 'utf8')
    expect(doc).to.contain(metricsMarkdown().trim())
  })

  it('the health of the process, and in full that of what it depends on', async () => {
    const plain = await get('/healthcheck')
    expect([plain.status, await plain.json()]).to.deep.equal([200, { status: 'OK' }])
    const full = await get('/healthcheck?full=1')
    const body = (await full.json()) as Health
    expect(full.status).to.equal(200)
    expect(body).to.deep.include({ status: 'OK', database: { ok: true } })
    expect(body.node).to.include({ ok: true })
    expect(body.node.height).to.be.greaterThan(0)
    expect(body.stores.stores[0]!.name).to.equal('persist')
    renameSync(bench.storeDir, `${bench.storeDir}-away`)
    try {
      const failing = await get('/healthcheck?full=1')
      const told = (await failing.json()) as Health
      expect([failing.status, told.status, told.stores.error]).to.deep.equal([503, 'FAILING', 'persist: no answer'])
      expect((await get('/healthcheck')).status).to.equal(200)
    } finally {
      renameSync(`${bench.storeDir}-away`, bench.storeDir)
    }
  })
})

describe('manager: a database that takes no writes', () => {
  it('is told to the caller with what to do, alarms, and heals with the next write', async () => {
    const db = knex({
      client: 'better-sqlite3',
      connection: ':memory:',
      useNullAsDefault: true,
      pool: { min: 1, max: 1 },
    })
    const watch = new WriteRefusals()
    const write = async (bytes: number): Promise<string> => {
      try {
        await db('t').insert({ value: Buffer.alloc(bytes) })
        watch.written()
        return 'done'
      } catch (error) {
        return (watch.told(error) as Error).message
      }
    }
    try {
      await db.schema.createTable('t', table => table.binary('value'))
      await db.raw('PRAGMA max_page_count = 20')
      expect(await write(1)).to.equal('done')
      expect(await write(1_000_000)).to.equal(
        'nothing was changed: the disk of the database is full: make room, nothing else is needed',
      )
      expect(watch.problem).to.match(/is full/)
      expect(await db('t').count({ count: '*' })).to.deep.equal([{ count: 1 }])
      await db.raw('PRAGMA max_page_count = 1000')
      expect(await write(1_000_000)).to.equal('done')
      expect(watch.problem).to.equal(undefined)
      await db.raw('PRAGMA query_only = ON')
      expect(await write(1)).to.match(/^nothing was changed: the database is read-only/)
    } finally {
      await db.destroy()
    }
  })

  it('is noticed also when nobody has called: the writes of background work raise the alarm and end it', async () => {
    const db = knex({
      client: 'better-sqlite3',
      connection: ':memory:',
      useNullAsDefault: true,
      pool: { min: 1, max: 1 },
    })
    const watch = new WriteRefusals()
    watch.watch(db)
    const write = (bytes: number) =>
      db
        .transaction(trx => trx('t').insert({ value: Buffer.alloc(bytes) }))
        .then(
          () => 'done',
          () => 'refused',
        )
    try {
      await db.schema.createTable('t', table => table.binary('value'))
      await db.raw('PRAGMA max_page_count = 20')
      expect(await write(1_000_000)).to.equal('refused')
      expect(watch.problem).to.match(/is full/)
      await db('t').count()
      expect(watch.problem).to.match(/is full/)
      await db.raw('PRAGMA max_page_count = 1000')
      expect(await write(1)).to.equal('done')
      expect(watch.problem).to.equal(undefined)
      await db('no_such_table')
        .insert({ a: 1 })
        .catch(() => {})
      expect(watch.problem).to.equal(undefined)
    } finally {
      await db.destroy()
    }
  })

  it('other errors pass as they are', () => {
    const error = new Error('sector not found')
    expect(new WriteRefusals().told(error)).to.equal(error)
  })
})
