import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import knex, { type Knex } from 'knex'
import { systemClock } from '../../daemon/kit/clock.js'
import { openDatabase } from '../../daemon/kit/database.js'
import { HttpServer } from '../../daemon/kit/http/http-server.js'
import { silentLog } from '../../daemon/kit/log.js'
import { ExtProverSettings } from '../../daemon/manager/config/ext-prover-settings.js'
import { childOf } from '../../daemon/manager/post/provers/ext-prover/child-entry.js'
import { ExtProver } from '../../daemon/manager/post/provers/ext-prover/ext-prover.js'
import { ProofChildren } from '../../daemon/manager/post/provers/ext-prover/proof-children.js'
import { LocalProver } from '../../daemon/manager/post/provers/local/local-prover.js'
import { ProofProcess } from '../../daemon/manager/post/provers/local/proof-process.js'
import { NativeTrialReads } from '../../daemon/manager/post/provers/local/trial-reads.js'
import { WdPostJobs } from '../../daemon/manager/post/provers/worker-prover/wdpost-jobs.js'
import { WorkerProver } from '../../daemon/manager/post/provers/worker-prover/worker-prover.js'
import type { WindowProofRequest, WindowProofResult } from '../../daemon/manager/post/window-prover.js'
import type { SectorPlace } from '../../daemon/manager/storage/sector-places.js'
import { NativeSectorProver } from '../../daemon/manager/storage/sector-proofs.js'
import { sectorPaths } from '../../daemon/manager/storage/store-files.js'
import { managerMigrations } from '../../migrations/manager/index.js'
import { ensureParameters } from '../../plugins/prover/parameters.js'
import { prover as native } from '../../plugins/prover/prover.js'
import { postProofByName } from '../../rpc-schema/wire/proof-types.js'
import type { SectorID } from '../../rpc-schema/wire/sector-id.js'
import { eventually } from '../harness/eventually.js'
import { freePort } from '../harness/free-port.js'
import { freshMariaDb, noMariaDb } from '../harness/mariadb.js'
import { serveWindowJobs, startWindowWorker } from '../harness/window-worker.js'
import { filled, PROVER_ID, SectorOnDisk, WINDOW_PROOF } from '../plugins/prover/sealed-sector.js'

const MINER = 1_000
const SEED = filled(9)
const bin = (name: string): string => new URL(`../../bin/${name}.js`, import.meta.url).pathname

describe('e2e: provers of windows', function () {
  this.timeout(300_000)
  const sectors = [100, 101, 102].map(number => new SectorOnDisk(number))
  let dir: string

  before(async () => {
    await ensureParameters({ sectorSize: 2048 })
    dir = mkdtempSync(join(tmpdir(), 'window-provers-'))
    for (const sub of ['sealed', 'cache']) mkdirSync(join(dir, 'persist', sub), { recursive: true })
    for (const sector of sectors) {
      sector.preCommit()
      const { sealed, cache } = sectorPaths({ Miner: MINER, Number: sector.sectorId }, false)
      symlinkSync(sector.sealedPath, join(dir, 'persist', sealed))
      symlinkSync(sector.cacheDir, join(dir, 'persist', cache))
    }
  })
  after(() => {
    for (const sector of sectors) sector.remove()
    rmSync(dir, { recursive: true, force: true })
  })

  const places = {
    find: async (sid: SectorID) => {
      const store = { name: 'persist1', root: join(dir, 'persist') }
      return { sealedStore: store, cacheStore: store, ...sectorPaths(sid, false) } as unknown as SectorPlace
    },
  }
  const request = (of: readonly SectorOnDisk[], partitions = [0]): WindowProofRequest => ({
    miner: MINER,
    postProof: postProofByName(WINDOW_PROOF).number,
    deadline: 0,
    partitions,
    replicas: of.map(({ sectorId, commR }) => ({ number: sectorId, commR, upgraded: false })),
    randomness: SEED,
    closesAt: Date.now() + 10 * 60_000,
  })
  function expectHolds({ proofs, faults }: WindowProofResult, of: readonly SectorOnDisk[]): void {
    expect(faults).to.deep.equal([])
    expect(proofs).to.have.length(1)
    const replicas = of.map(({ sectorId, commR }) => ({ sectorId, commR }))
    const statement = { proofType: WINDOW_PROOF, randomness: SEED, proverId: PROVER_ID, replicas }
    expect(native.verifyWindowPost({ ...statement, proof: proofs[0]!.ProofBytes })).to.equal(true)
  }
  const never = new AbortController().signal

  describe('the manager itself', () => {
    let computer: ProofProcess
    let prover: LocalProver

    beforeEach(() => {
      computer = new ProofProcess()
      prover = new LocalProver({
        places,
        reads: new NativeSectorProver(silentLog),
        computer,
        limits: { SingleCheckTimeout: 60_000, PartitionCheckTimeout: 60_000 },
        clock: systemClock,
        log: silentLog,
      })
    })
    afterEach(() => prover.close())

    it('proves several partitions of which the last is not full', async () => {
      expectHolds(await prover.prove(request(sectors, [0, 1]), never), sectors)
    })

    it('sectors are read for trial with real vanilla proofs, and what each took is measured', async () => {
      const reads = new NativeSectorProver(silentLog)
      const { miner, postProof, replicas } = request(sectors)
      const [first, ...others] = await Promise.all(
        replicas.map(async replica => ({
          ...replica,
          place: await places.find({ Miner: MINER, Number: replica.number }),
        })),
      )
      const gone = { ...first!, place: { ...first!.place, sealed: 'sealed/gone' } }
      const limits = { sectorMs: 60_000, storeMs: 120_000 }
      const task = { miner, postProof, replicas: [gone, ...others], limits }
      const { readings, failures } = await new NativeTrialReads(reads, systemClock).read(task, never)
      reads.close()
      expect([...failures.keys()]).to.deep.equal([100])
      expect(readings.map(({ sector, store }) => `${sector} ${store}`)).to.deep.equal(['101 persist1', '102 persist1'])
      expect(readings.every(({ tookMs }) => tookMs > 0 && tookMs < 60_000)).to.equal(true)
    })

    it('a missing p_aux, a missing file and a file of the wrong size are faults by their numbers', async () => {
      const [first, second, third] = sectors as [SectorOnDisk, SectorOnDisk, SectorOnDisk]
      const aux = join(first.cacheDir, 'p_aux')
      renameSync(aux, `${aux}-away`)
      renameSync(second.sealedPath, `${second.sealedPath}-away`)
      try {
        expect(await prover.prove(request(sectors), never)).to.deep.equal({ proofs: [], faults: [100, 101] })
      } finally {
        renameSync(`${aux}-away`, aux)
        renameSync(`${second.sealedPath}-away`, second.sealedPath)
      }
      const short = new SectorOnDisk(103).preCommit()
      const { sealed, cache } = sectorPaths({ Miner: MINER, Number: 103 }, false)
      symlinkSync(short.sealedPath, join(dir, 'persist', sealed))
      symlinkSync(short.cacheDir, join(dir, 'persist', cache))
      truncateSync(short.sealedPath, 1024)
      expect(await prover.prove(request([third, short]), never)).to.deep.equal({ proofs: [], faults: [103] })
      short.remove()
    })

    it('a proof that is not wanted any more is killed, and the next one is made by a new process', async () => {
      const over = new AbortController()
      const proof = prover.prove(request(sectors), over.signal)
      await eventually('a process that computes', 60_000, () => computer.pid)
      over.abort(new Error('the deadline has closed'))
      const error = await proof.then(
        () => undefined,
        (reason: Error) => reason,
      )
      expect(error?.message).to.equal('the deadline has closed')
      expectHolds(await prover.prove(request([sectors[0]!]), never), [sectors[0]!])
    })
  })

  describe('workers', () => {
    const workers = new Map<string, ChildProcess>()
    let db: Knex
    let http: HttpServer
    let jobs: WdPostJobs
    let prover: WorkerProver
    let port: number

    before(async () => {
      db = await openDatabase({ dsn: ':memory:', migrations: managerMigrations })
      const settings = { JobMaxTry: 2, HeartbeatTimeout: 6_000, JobLifetime: 90_000_000, Redundancy: 1, Split: false }
      const limits = { SingleCheckTimeout: 60_000, PartitionCheckTimeout: 20 * 60_000 }
      jobs = new WdPostJobs({ db, clock: systemClock, log: silentLog, settings, limits })
      jobs.start()
      prover = new WorkerProver({ jobs, places, clock: systemClock, log: silentLog })
      http = new HttpServer(silentLog)
      serveWindowJobs(http, jobs)
      port = (await http.listen({ host: '127.0.0.1', port: 0 })).port
    })
    after(async () => {
      for (const worker of workers.values()) worker.kill('SIGKILL')
      await prover?.close()
      await jobs?.stop()
      await http?.close()
      await db?.destroy()
    })

    function startWorker(name: string): void {
      const store = { name: 'persist1', location: join(dir, 'persist') }
      workers.set(name, startWindowWorker(join(dir, `${name}.toml`), { name, port, store }))
    }

    it('S001-19 S001-22: share the partitions of a deadline; one is killed in the middle of its proof, and the proofs are made', async () => {
      for (const name of ['w1', 'w2']) startWorker(name)
      const parts = [sectors.slice(0, 2), sectors.slice(2)]
      const proofs = parts.map((part, partition) => prover.prove(request(part, [partition]), never))
      const victim = await eventually('both at work', 120_000, async () => {
        const running = (await jobs.all()).filter(({ state }) => state === 'running')
        return new Set(running.map(({ owner }) => owner)).size === 2 ? running[0] : undefined
      })
      workers.get(victim.owner)!.kill('SIGKILL')
      const made = await Promise.all(proofs)
      for (const [index, proof] of made.entries()) expectHolds(proof, parts[index]!)
      const again = (await jobs.all()).find(({ id }) => id === victim.id)!
      expect(again).to.deep.include({ state: 'done', attempts: 2 })
      expect(again.owner).to.not.equal(victim.owner)
    })
  })

  const slaves = noMariaDb === undefined ? describe : describe.skip
  slaves(`slaves of a wdpost master${noMariaDb === undefined ? '' : ` (skipped: ${noMariaDb})`}`, () => {
    const running = new Map<string, ChildProcess>()
    let db: Knex
    let prover: ExtProver

    before(async () => {
      const [dsn, port] = [await freshMariaDb(), await freePort()]
      db = knex({ client: 'mysql2', connection: dsn, pool: { min: 0, max: 1 } })
      const file = join(dir, 'wdpost_master.toml')
      writeFileSync(
        file,
        `[server]\nlisten = '127.0.0.1:${port}'\n[db]\nurl = '${dsn}'\n[task]\nheartbeat_timeout = '3s'\nretry_job_interval = '1s'\n`,
      )
      const entry = { Bin: process.execPath, Args: [bin('wdpost'), 'master', 'daemon', '-c', file], Concurrent: 50 }
      const children = ExtProverSettings.parse({ WdPost: [{ ...entry, ReadyTimeoutSecs: 60 }] }).WdPost.map(childOf)
      const master = new ProofChildren('window_post', { children, clock: systemClock, log: silentLog })
      prover = new ExtProver({ children: master, places, clock: systemClock, log: silentLog })
      await master.start()
      for (const name of ['s1', 's2']) {
        const config = join(dir, `${name}.toml`)
        writeFileSync(
          config,
          `[master]\nserver_addr = '127.0.0.1:${port}'\nheartbeat_interval = '1s'\n[slave]\nname = '${name}'\npull_interval = '200ms'\n`,
        )
        const args = [bin('wdpost'), 'slave', 'daemon', '-c', config]
        running.set(name, spawn(process.execPath, args, { stdio: 'ignore' }))
      }
    })
    after(async () => {
      for (const slave of running.values()) slave.kill('SIGKILL')
      await prover?.close()
      await db?.destroy()
    })

    it('S003-71: share the partitions of a deadline; one is killed in the middle of its proof, and the proofs are made', async () => {
      const parts = [sectors.slice(0, 2), sectors.slice(2)]
      const proofs = parts.map((part, partition) => prover.prove(request(part, [partition]), never))
      const victim = await eventually('both at work', 120_000, async () => {
        const rows = await db('tasks').whereNotNull('slave').whereNull('finished_at').select('id', 'slave')
        return new Set(rows.map(({ slave }) => slave)).size === 2 ? rows[0] : undefined
      })
      running.get(victim.slave)!.kill('SIGKILL')
      const made = await Promise.all(proofs)
      for (const [index, proof] of made.entries()) expectHolds(proof, parts[index]!)
      const again = await db('tasks').where({ id: victim.id }).first()
      expect(again.retry_count).to.equal(1)
      expect(again.slave).to.not.equal(victim.slave)
    })
  })
})
