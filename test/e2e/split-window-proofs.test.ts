import { type ChildProcess, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, mkdirSync, mkdtempSync, openSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Knex } from 'knex'
import { systemClock } from '../../daemon/kit/clock.js'
import { openDatabase } from '../../daemon/kit/database.js'
import { HttpServer } from '../../daemon/kit/http/http-server.js'
import { silentLog } from '../../daemon/kit/log.js'
import { vanillaStoreHandler } from '../../daemon/manager/http/vanilla-store.js'
import { WdPostJobs } from '../../daemon/manager/post/provers/worker-prover/wdpost-jobs.js'
import { WorkerProver } from '../../daemon/manager/post/provers/worker-prover/worker-prover.js'
import type { WindowProofRequest, WindowProofResult } from '../../daemon/manager/post/window-prover.js'
import type { SectorPlace } from '../../daemon/manager/storage/sector-places.js'
import { sectorPaths } from '../../daemon/manager/storage/store-files.js'
import { AttachedStores } from '../../daemon/worker/store/attached-store.js'
import { ReaderProcesses } from '../../daemon/worker/wdpost/reading/window-reads.js'
import { managerMigrations } from '../../migrations/manager/index.js'
import { ensureParameters } from '../../plugins/prover/parameters.js'
import { prover as native } from '../../plugins/prover/prover.js'
import { VANILLA_ROUTE } from '../../rpc-schema/manager/vanilla-chunk.js'
import { postProofByName } from '../../rpc-schema/wire/proof-types.js'
import type { SectorID } from '../../rpc-schema/wire/sector-id.js'
import { FakeClock } from '../daemon/worker/support/fake-clock.js'
import { eventually } from '../harness/eventually.js'
import { serveWindowJobs, startWindowWorker } from '../harness/window-worker.js'
import { filled, PROVER_ID, SectorOnDisk, WINDOW_PROOF } from '../plugins/prover/sealed-sector.js'

const MINER = 1_000
const SEED = filled(9)
const LIMITS = { SingleCheckTimeout: 60_000, PartitionCheckTimeout: 20 * 60_000 }

describe('e2e: a window read by one machine and proven by another', function () {
  this.timeout(1_800_000)
  const sectors = [100, 101, 102].map(number => new SectorOnDisk(number))
  const workers = new Map<string, ChildProcess>()
  let dir: string
  let db: Knex
  let http: HttpServer
  let jobs: WdPostJobs
  let prover: WorkerProver
  let port: number
  /** Called with the method of each request for what was read; it goes on when the answer does. */
  let gate: (method: string) => Promise<void> = async () => {}

  before(async () => {
    await ensureParameters({ sectorSize: 2048 })
    dir = mkdtempSync(join(tmpdir(), 'split-window-'))
    for (const sub of ['sealed', 'cache']) mkdirSync(join(dir, 'persist', sub), { recursive: true })
    for (const sector of sectors) {
      sector.preCommit()
      const { sealed, cache } = sectorPaths({ Miner: MINER, Number: sector.sectorId }, false)
      symlinkSync(sector.sealedPath, join(dir, 'persist', sealed))
      symlinkSync(sector.cacheDir, join(dir, 'persist', cache))
    }
    db = await openDatabase({ dsn: ':memory:', migrations: managerMigrations })
    const settings = { JobMaxTry: 3, HeartbeatTimeout: 5 * 60_000, JobLifetime: 90_000_000, Redundancy: 1, Split: true }
    jobs = new WdPostJobs({ db, clock: systemClock, log: silentLog, settings, limits: LIMITS })
    jobs.start()
    const places = {
      find: async (sid: SectorID) => {
        const store = { name: 'persist1', root: join(dir, 'persist') }
        return { sealedStore: store, cacheStore: store, ...sectorPaths(sid, false) } as unknown as SectorPlace
      },
    }
    prover = new WorkerProver({ jobs, places, clock: systemClock, log: silentLog })
    http = new HttpServer(silentLog)
    serveWindowJobs(http, jobs)
    const store = vanillaStoreHandler(jobs.split)
    http.route(VANILLA_ROUTE, async (request, response) => {
      await gate(request.method!)
      await store(request, response)
    })
    port = (await http.listen({ host: '127.0.0.1', port: 0 })).port
  })
  after(async () => {
    for (const worker of workers.values()) worker.kill('SIGKILL')
    await prover?.close()
    await jobs?.stop()
    await http?.close()
    await db?.destroy()
    for (const sector of sectors) sector.remove()
    rmSync(dir, { recursive: true, force: true })
  })

  const request = (partition: number): WindowProofRequest => ({
    miner: MINER,
    postProof: postProofByName(WINDOW_PROOF).number,
    deadline: 0,
    partitions: [partition, partition + 1],
    replicas: sectors.map(({ sectorId, commR }) => ({ number: sectorId, commR, upgraded: false })),
    randomness: SEED,
    closesAt: Date.now() + 2 * 3_600_000,
  })
  function expectHolds({ proofs, faults }: WindowProofResult): void {
    expect(faults).to.deep.equal([])
    expect(proofs).to.have.length(1)
    const replicas = sectors.map(({ sectorId, commR }) => ({ sectorId, commR }))
    const statement = { proofType: WINDOW_PROOF, randomness: SEED, proverId: PROVER_ID, replicas }
    expect(native.verifyWindowPost({ ...statement, proof: proofs[0]!.ProofBytes })).to.equal(true)
  }
  const never = new AbortController().signal

  function start(name: string, part: 'read' | 'prove'): void {
    const store = { name: 'persist1', location: join(dir, 'persist') }
    const worker = { name, port, part, ...(part === 'read' && { store }) }
    workers.set(name, startWindowWorker(join(dir, `${name}.toml`), worker))
  }
  /** Kills a worker when it next asks for something of what was read, which is never answered. */
  async function killAt(method: string, name: string): Promise<void> {
    let came = (): void => {}
    const asked = new Promise<void>(resolve => {
      came = resolve
    })
    gate = found => {
      if (found !== method) return Promise.resolve()
      came()
      return new Promise(() => {})
    }
    await asked
    const worker = workers.get(name)!
    const gone = once(worker, 'exit')
    worker.kill('SIGKILL')
    await gone
    gate = async () => {}
  }
  /** Lets the time go by until a worker counts as silent, and another has its job. */
  const takenFrom = (name: string): Promise<true> =>
    eventually(`another does the work of ${name}`, 900_000, async () => {
      const its = db('wdpost_jobs').where({ owner: name })
      await its.clone().where({ state: 'running' }).update({ lease_until: 1 })
      return (await its).length === 0 || undefined
    })
  const rows = async () => new Map((await jobs.all()).map(job => [job.part, job]))

  it('the one has no prover to speak of, the other no store; each is killed in the middle of its work, and the proof is made', async () => {
    let read = 0
    const proof = prover.prove(request(0), never, { read: () => void read++ })
    start('disks1', 'read')
    await killAt('PUT', 'disks1')
    // A worker of damocles asks for whole jobs, and there are none.
    const whole = { AllowedMiners: [], AllowedProofTypes: [] }
    expect(await jobs.allocate(whole, 1, 'damocles')).to.deep.equal([])
    start('disks2', 'read')
    await takenFrom('disks1')
    await eventually('the sectors are read', 900_000, async () =>
      (await rows()).get('read')!.state === 'done' ? true : undefined,
    )
    expect(await jobs.allocate(whole, 1, 'damocles')).to.deep.equal([])
    start('gpu1', 'prove')
    await killAt('GET', 'gpu1')
    start('gpu2', 'prove')
    await takenFrom('gpu1')
    expectHolds(await proof)
    expect(read).to.equal(1)
    const done = await rows()
    expect(done.get('read')).to.deep.include({ state: 'done', owner: 'disks2', attempts: 2 })
    expect(done.get('prove')).to.deep.include({ state: 'done', owner: 'gpu2', attempts: 2 })
    expect(await db('wdpost_vanillas').select('id')).to.deep.equal([])
  })

  it('a sector whose file hangs costs itself: its reader is killed, and the others are read', async () => {
    const stores = new AttachedStores([{ name: 'persist1', root: join(dir, 'persist'), readonly: true }])
    const [first, hung, third] = sectors as [SectorOnDisk, SectorOnDisk, SectorOnDisk]
    const aux = join(hung.cacheDir, 'p_aux')
    renameSync(aux, `${aux}-away`)
    execFileSync('mkfifo', [aux])
    const Accesses = { SealedFile: 'persist1', CacheDir: 'persist1' }
    const Sectors = sectors.map(({ sectorId, commR }) => ({
      SectorId: sectorId,
      CommR: commR,
      Upgrade: false,
      Accesses,
    }))
    const Input = { Sectors, MinerId: MINER, ProofType: WINDOW_PROOF, Seed: SEED }
    const Read = { Sectors: [], SectorLimit: 20_000, Limit: 40_000 }
    const clock = new FakeClock()
    const read: number[] = []
    try {
      let isOver = false
      const reading = new ReaderProcesses(clock)
        .read({ Id: 'job', Input, Read }, stores, number => read.push(number), never)
        .finally(() => {
          isOver = true
        })
      await eventually('the others are read', 900_000, () => (read.length === 2 ? true : undefined))
      await eventually('the end of the time for it', 900_000, () => {
        if (!isOver) clock.advance(2_000)
        return isOver || undefined
      })
      expect(read.sort()).to.deep.equal([first.sectorId, third.sectorId])
      expect(await reading).to.deep.include({ faults: [], unread: [hung.sectorId] })
      expect((await reading).reason).to.contain(`sector ${hung.sectorId}: `)
    } finally {
      // Whoever still waits there is let go.
      closeSync(openSync(aux, constants.O_RDWR | constants.O_NONBLOCK))
      rmSync(aux)
      renameSync(`${aux}-away`, aux)
    }
  })

  it('missing and damaged files are faults; that all are missing means that the store is', async () => {
    const stores = new AttachedStores([{ name: 'persist1', root: join(dir, 'persist'), readonly: true }])
    const elsewhere = new AttachedStores([{ name: 'persist1', root: join(dir, 'nothing'), readonly: true }])
    mkdirSync(join(dir, 'nothing'))
    const Accesses = { SealedFile: 'persist1', CacheDir: 'persist1' }
    const of = (numbers: readonly number[]) => ({
      Id: 'job',
      Input: {
        Sectors: numbers.map(SectorId => ({
          SectorId,
          CommR: sectors.find(({ sectorId }) => sectorId === SectorId)?.commR ?? filled(1),
          Upgrade: false,
          Accesses,
        })),
        MinerId: MINER,
        ProofType: WINDOW_PROOF,
        Seed: SEED,
      },
      Read: { Sectors: [], SectorLimit: 5 * 60_000, Limit: 10 * 60_000 },
    })
    const reads = new ReaderProcesses(systemClock)
    const read: number[] = []
    const reading = await reads.read(of([100, 999]), stores, number => read.push(number), never)
    expect([read, reading.faults, reading.unread]).to.deep.equal([[100], [999], []])
    const error = await reads
      .read(of([100, 101]), elsewhere, () => {}, never)
      .then(
        () => undefined,
        (reason: Error) => reason,
      )
    expect(error?.message).to.contain('the store "persist1" seems not to be mounted')
    const over = AbortSignal.abort(new Error('enough'))
    const ended = await reads.read(of([100]), stores, () => {}, over).catch((reason: Error) => reason)
    expect((ended as Error).message).to.equal('enough')
  })
})
