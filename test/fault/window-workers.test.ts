import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import type { Knex } from 'knex'
import { systemClock } from '../../daemon/kit/clock.js'
import { openDatabase } from '../../daemon/kit/database.js'
import { HttpServer } from '../../daemon/kit/http/http-server.js'
import { silentLog } from '../../daemon/kit/log.js'
import { WdPostJobs } from '../../daemon/manager/post/provers/worker-prover/wdpost-jobs.js'
import { WorkerProver } from '../../daemon/manager/post/provers/worker-prover/worker-prover.js'
import type { SectorPlace } from '../../daemon/manager/storage/sector-places.js'
import { managerMigrations } from '../../migrations/manager/index.js'
import { serveWindowJobs, windowWorkerConfig } from '../harness/window-worker.js'
import { LIMIT_MS, madeThoughKilled, SEED } from './killed-provers.js'

const WORKER = fileURLToPath(new URL('../../bin/damocles-worker.js', import.meta.url))
const CHILD = fileURLToPath(new URL('../../../test/fixtures/processors/window-child.mjs', import.meta.url))
const KILLS = 5
const never = new AbortController().signal

describe(`fault: workers that prove windows are killed (SEALYARD_SEED=${SEED})`, function () {
  this.timeout(KILLS * LIMIT_MS)
  const dir = mkdtempSync(join(tmpdir(), 'window-workers-'))
  const config = join(dir, 'worker.toml')
  let db: Knex
  let jobs: WdPostJobs
  let prover: WorkerProver
  let http: HttpServer

  before(async () => {
    db = await openDatabase({ dsn: ':memory:', migrations: managerMigrations })
    // Workers tell every 3 s that they are alive.
    const settings = { JobMaxTry: 1_000, HeartbeatTimeout: 6_000, JobLifetime: 90_000_000, Redundancy: 1, Split: false }
    const limits = { SingleCheckTimeout: 60_000, PartitionCheckTimeout: 20 * 60_000 }
    jobs = new WdPostJobs({ db, clock: systemClock, log: silentLog, settings, limits })
    jobs.start()
    const store = { name: 'persist1', root: dir }
    const places = { find: async () => ({ sealedStore: store, cacheStore: store }) as unknown as SectorPlace }
    prover = new WorkerProver({ jobs, places, clock: systemClock, log: silentLog })
    http = new HttpServer(silentLog)
    serveWindowJobs(http, jobs)
    const { port } = await http.listen({ host: '127.0.0.1', port: 0 })
    mkdirSync(join(dir, 'persist'))
    const more = `[[processors.window_post]]\nbin = "${process.execPath}"\nargs = ["${CHILD}", "child", "pretend"]\n`
    const attached = { name: 'persist1', location: join(dir, 'persist') }
    writeFileSync(config, windowWorkerConfig({ name: 'w1', port, store: attached, more }))
  })
  after(async () => {
    await prover?.close()
    await jobs?.stop()
    await http?.close()
    await db?.destroy()
    rmSync(dir, { recursive: true, force: true })
  })

  it('fault 16: five times, at any moment: every proof that is wanted is made', async () => {
    const { asked, made } = await madeThoughKilled({
      prove: number => {
        const randomness = new Uint8Array(32)
        new DataView(randomness.buffer).setUint32(0, number)
        const replicas = [{ number, commR: new Uint8Array(32), upgraded: false }]
        const of = { miner: 1_000, postProof: 10, deadline: 0, partitions: [0], replicas, randomness }
        return prover.prove({ ...of, closesAt: Date.now() + 60 * 60_000 }, never)
      },
      args: [WORKER, 'daemon', '-c', config],
      kills: KILLS,
      taken: /window PoSt job taken/,
    })
    expect(made).to.equal(asked)
    expect(made).to.be.greaterThan(KILLS)
  })
})
