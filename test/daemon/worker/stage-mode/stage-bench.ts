import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../../../daemon/kit/clock.js'
import { HttpServer } from '../../../../daemon/kit/http/http-server.js'
import { silentLog } from '../../../../daemon/kit/log.js'
import { attachPath } from '../../../../daemon/kit/sealing/path-identity.js'
import { applyOverrides, DEFAULT_SEALING } from '../../../../daemon/worker/config/sealing-config.js'
import { FILES_ROUTE, serveFiles } from '../../../../daemon/worker/stage-mode/fetch/serve-files.js'
import type { OwnClient } from '../../../../daemon/worker/stage-mode/stage-home.js'
import { StagePaths } from '../../../../daemon/worker/stage-mode/stage-paths.js'
import { StageWorker } from '../../../../daemon/worker/stage-mode/stage-worker.js'
import { managerService } from '../../../../rpc-schema/manager/index.js'
import { rpcClient } from '../../../../rpc-schema/rpc/client.js'
import { type Connection, connectRpc } from '../../../../rpc-schema/rpc/connection.js'
import type { StageKind } from '../../../../rpc-schema/stages/kinds.js'
import { eventually } from '../../../harness/eventually.js'
import { DeskUnderTest } from '../../manager/stages/desk-under-test.js'
import { FakeProcessors } from '../support/fake-processors.js'
import { ScriptedManager } from '../support/scripted-manager.js'

const LIMIT_MS = 60_000
const ROOM = { totalBytes: 2 ** 50, usedBytes: 0, freeBytes: 2 ** 50 }
const never = new Promise<never>(() => {})

/** A stage worker of a test: one process after another on the same home. */
export class BenchWorker {
  readonly name: string
  readonly kinds: readonly StageKind[]
  processors = new FakeProcessors()
  worker: StageWorker | undefined
  gpus: readonly string[] = []
  reportMs = 100
  /** Cut off from the manager, as a killed process is. */
  #dead = { is: false }
  #server: HttpServer | undefined
  readonly #bench: StageBench
  #boots = 0

  constructor(bench: StageBench, name: string, kinds: readonly StageKind[]) {
    this.#bench = bench
    this.name = name
    this.kinds = kinds
  }

  get home(): string {
    return join(this.#bench.dir, this.name)
  }

  async start(): Promise<void> {
    const dead = { is: false }
    this.#dead = dead
    this.processors = new FakeProcessors()
    const paths = new StagePaths(
      this.home,
      silentLog,
      systemClock,
      async roots => new Map(roots.map(root => [root, ROOM])),
    )
    this.#server = new HttpServer(silentLog).route(FILES_ROUTE, serveFiles(paths, 'secret'))
    const { port } = await this.#server.listen({ host: '127.0.0.1', port: 0 })
    this.worker = new StageWorker({
      identity: {
        ID: this.name,
        Boot: `boot ${++this.#boots}`,
        Name: this.name,
        Version: '',
        Machine: 'machine',
        SectorSizes: [],
        MemoryBytes: 1024 ** 4,
        Cores: 8,
        GPUs: [...this.gpus],
        FetchLimit: 5,
        TasksAtOnce: 10,
        Url: `http://127.0.0.1:${port}`,
        Token: 'secret',
      },
      kinds: this.kinds,
      home: this.home,
      manager: ownClient(this.#bench, dead),
      environment: {
        manager: this.#bench.client(dead),
        managerOrigin: this.#bench.manager.address,
        managerToken: undefined,
        localPiecesDirs: [],
        staticTreeD: new Map(),
        random: Math.random,
        pieceCommitment: () => never,
        verifyUpdate: () => never,
      },
      processors: this.processors,
      paths,
      config: {
        ...applyOverrides(DEFAULT_SEALING, { enable_deals: true, max_retries: 0 }),
        recoverIntervalMs: 10,
        pollingIntervalMs: 10,
      },
      clock: systemClock,
      log: silentLog,
      reportMs: this.reportMs,
      posting: async () => this.#bench.posting(),
    })
    this.worker.start()
  }

  /** What a process leaves that is killed: nothing it does is heard any more, by anybody. */
  async kill(): Promise<void> {
    this.#dead.is = true
    this.processors.gate(() => never)
    await this.#server?.close()
  }

  async stop(): Promise<void> {
    await this.#server?.close()
    if (!this.#dead.is) await this.worker?.stop(0)
  }

  attach(path: string, { make = true, store = false } = {}): Promise<unknown> {
    return attachPath(this.home, this.#bench.path(path), { init: make, seal: !store, store, weight: 1 })
  }
}

/** Stage workers with fake processors on real files, a real desk, and a manager whose chain lands everything at once. */
export class StageBench {
  readonly workers: BenchWorker[] = []
  #connection: Connection
  readonly #connections: Connection[] = []

  readonly dir: string
  readonly desk: DeskUnderTest
  /** What the manager waits for before it hears that files are removed. */
  removed: Promise<void> = Promise.resolve()
  /** Whether a window is being proven on the machine of the workers. */
  posting = (): boolean => false
  /** Before a worker's question is answered. */
  asked: (method: keyof OwnClient) => Promise<void> = async () => {}
  /** Asked right before files are removed. */
  mayRemove = (): boolean => true
  readonly manager: ScriptedManager

  private constructor(dir: string, desk: DeskUnderTest, manager: ScriptedManager) {
    this.dir = dir
    this.desk = desk
    this.manager = manager
    this.#connection = this.#connect(manager)
    desk.newSector = async () =>
      (await rpcClient(managerService, this.#connection).AllocateSector({
        AllowedMiners: [],
        AllowedProofTypes: [],
      }))!
  }

  static async make(): Promise<StageBench> {
    const dir = await mkdtemp(join(tmpdir(), 'stages-'))
    const manager = new ScriptedManager()
    await manager.start()
    return new StageBench(dir, await DeskUnderTest.open(':memory:'), manager)
  }

  #connect({ address }: ScriptedManager): Connection {
    const connection = connectRpc(address, { path: '/rpc/v0' })
    this.#connections.push(connection)
    return connection
  }

  /** The sectors of another manager are the ones that are carried here. */
  takeFrom(manager: ScriptedManager): void {
    this.#connection = this.#connect(manager)
  }

  path(name: string): string {
    return join(this.dir, 'paths', name)
  }

  client(dead: { readonly is: boolean }) {
    const client = rpcClient(managerService, this.#connection)
    return new Proxy(client, {
      get: (target, name: keyof typeof client) =>
        dead.is ? () => never : (...args: never[]) => (target[name] as (...all: never[]) => unknown)(...args),
    })
  }

  async worker(name: string, kinds: readonly StageKind[]): Promise<BenchWorker> {
    const worker = new BenchWorker(this, name, kinds)
    await mkdir(worker.home, { recursive: true })
    this.workers.push(worker)
    return worker
  }

  /** Lets the pause before the next try be over. */
  async endPauses(): Promise<void> {
    const pauses = (await this.desk.view.tasks()).map(({ NotBefore }) => NotBefore)
    this.desk.at = Math.max(this.desk.at, ...pauses)
  }

  /** Until the desk has no task any more. */
  async allDone(): Promise<void> {
    await eventually('all tasks done', LIMIT_MS, async () => {
      await this.endPauses()
      const tasks = await this.desk.view.tasks()
      const parked = tasks.find(({ State }) => State === 'parked')
      if (parked !== undefined) throw new Error(`${parked.ID} is parked: ${parked.Error}`)
      return tasks.length === 0 && this.desk.sectorsToBegin === 0 ? true : undefined
    })
  }

  /** All files below a path, without its identity and what it learned of times. */
  async files(path: string): Promise<string[]> {
    const entries = await readdir(this.path(path), { recursive: true, withFileTypes: true })
    return entries
      .filter(entry => entry.isFile() && !['sectorstore.json', 'stage-times.json'].includes(entry.name))
      .map(entry => join(entry.parentPath, entry.name).slice(this.path(path).length + 1))
      .sort()
  }

  async close(): Promise<void> {
    for (const worker of this.workers) await worker.stop()
    for (const connection of this.#connections) await connection.close()
    await this.manager.stop()
    await this.desk.db.destroy()
    await rm(this.dir, { recursive: true, force: true })
  }
}

/** The desk as a worker calls it; a dead one gets no answers, and nothing it asks for is done. */
function ownClient(bench: StageBench, dead: { readonly is: boolean }): OwnClient {
  const { desk } = bench.desk
  const calls: Partial<OwnClient> = {
    ReportStageWorker: report => desk.report(report),
    ClaimStageTask: (worker, boot) => desk.claim(worker, boot),
    SaveStageRecord: (claim, record) => desk.save(claim, record),
    PlaceStageSector: (claim, path) => desk.place(claim, path),
    FinishStageTask: (claim, end) => desk.finish(claim, end),
    FailStageTask: (claim, error, forGood) => desk.fail(claim, error, forGood),
    ReleaseStageTask: claim => desk.release(claim),
    StageTasks: () => bench.desk.view.tasks(),
    BeginStageRemoval: async (worker, boot, leftover) =>
      bench.mayRemove() && (await desk.beginRemoval(worker, boot, leftover)),
    StageFilesRemoved: async leftover => {
      await bench.removed
      await desk.removed(leftover)
    },
  }
  return new Proxy(calls, {
    get: (target, name: keyof OwnClient) =>
      dead.is
        ? () => never
        : async (...args: never[]) => {
            await bench.asked(name)
            return (target[name] as unknown as (...all: never[]) => unknown)(...args)
          },
  }) as OwnClient
}
