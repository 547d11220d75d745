import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import knex from 'knex'
import { z } from 'zod'
import { QueuedTask, WorkerStatistics } from '../../rpc-schema/gpuproxy/lease-methods.js'
import { TestDaemon } from './test-yard.js'

const bin = (name: string): string => fileURLToPath(new URL(`../../bin/${name}.js`, import.meta.url))
const GATED = fileURLToPath(new URL('../fixtures/gated-c2.js', import.meta.url))

export interface GpuProxyYardOptions {
  dir: string
  /** ':memory:' stands for a file of SQLite in the directory. */
  dsn: string
  /** Where documents lie; workers share the directory of `fs`. */
  resources: 'fs' | 'db'
}

/** A worker, and the hand that the test has on its prover. */
export interface GatedWorker extends TestDaemon {
  readonly control: ProverControl
}

/** See `fixtures/gated-c2.ts`. */
export class ProverControl {
  readonly dir: string

  constructor(dir: string) {
    this.dir = dir
    mkdirSync(dir, { recursive: true })
  }

  set(what: 'hold' | 'fail' | 'wrong', text = ''): void {
    writeFileSync(join(this.dir, what), text)
  }

  unset(what: 'hold' | 'fail' | 'wrong'): void {
    rmSync(join(this.dir, what), { force: true })
  }

  /** Sectors whose proofs were begun here, in that order. */
  get begun(): number[] {
    const file = join(this.dir, 'begun')
    return existsSync(file) ? (readFileSync(file, 'utf8').match(/\d+(?=\n)/g) ?? []).map(Number) : []
  }
}

/** What a row of the table `tasks` says to whoever looks into the database. */
export interface TaskRow {
  id: string
  state: number
  proof: Uint8Array
  comment: string
  error_msg: string
}

/** gpuproxy and two workers, as processes that can be killed and started again. */
export class GpuProxyYard {
  readonly proxy: TestDaemon
  readonly workers: readonly [GatedWorker, GatedWorker]
  readonly #options: GpuProxyYardOptions
  /** More arguments for the server's next start. */
  proxyArgs: readonly string[] = ['--lease', '10s']

  constructor(options: GpuProxyYardOptions) {
    this.#options = options
    const { dir, resources } = options
    const where =
      resources === 'fs' ? ['--resource-type', 'fs', '--fs-resource-path', this.resourceDir] : ['--resource-type', 'db']
    this.proxy = new TestDaemon('gpuproxy', join(dir, 'gpuproxy.log'), () => ({
      bin: 'gpuproxy',
      args: ['--url', this.proxy.listen, 'run', '--db-dsn', this.#dsn, '--disable-worker', ...where, ...this.proxyArgs],
    }))
    const worker = (name: string): GatedWorker => {
      const control = new ProverControl(join(dir, `${name}-prover`))
      const daemon = new TestDaemon(name, join(dir, `${name}.log`), () => ({
        bin: 'gpuproxy_worker',
        args: [
          'run',
          ...['--gpuproxy-url', this.proxy.origin, '--db-dsn', `sqlite://${join(dir, `${name}.db`)}`],
          ...['--max-tasks', '1', '--allow-type', '0', '--lease', '5s'],
          ...(resources === 'fs' ? where : []),
          ...['--c2-bin', process.execPath, '--c2-args', GATED, control.dir],
        ],
      }))
      return Object.assign(daemon, { control })
    }
    this.workers = [worker('gpu-1'), worker('gpu-2')]
  }

  get resourceDir(): string {
    return join(this.#options.dir, 'resources')
  }

  get #dsn(): string {
    const { dsn, dir } = this.#options
    return dsn === ':memory:' ? `sqlite://${join(dir, 'gpuproxy.db')}` : dsn
  }

  /** The two workers wait for a server that is started with them. */
  async start(): Promise<void> {
    await this.proxy.start()
    await Promise.all(this.workers.map(worker => worker.start()))
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await Promise.all(this.workers.map(worker => worker.kill(signal)))
    await this.proxy.kill(signal)
  }

  /** An entry `[[processors.c2]]` that outsources to this server; `more`: further lines of it. */
  processor(more = ''): string {
    return `[[processors.c2]]
bin = ${JSON.stringify(process.execPath)}
args = [${[bin('cluster_c2_plugin'), 'run', '--gpuproxy-url', this.proxy.origin, '--poll-task-interval', '0.3'].map(arg => JSON.stringify(arg))}]
${more}
`
  }

  /** What `gpuproxy …` prints. */
  async cli(...args: string[]): Promise<string> {
    const all = [bin('gpuproxy'), '--url', this.proxy.listen, ...args]
    const { stdout } = await promisify(execFile)(process.execPath, all, { timeout: 60_000 })
    return stdout
  }

  /** The tasks, the oldest first, by the command line. */
  async tasks(): Promise<QueuedTask[]> {
    const { tasks } = JSON.parse(await this.cli('tasks', 'list', '--json', '--limit', '0')) as { tasks: unknown[] }
    return tasks.map(task => z.decode(QueuedTask, task as never)).reverse()
  }

  async statistics(): Promise<WorkerStatistics[]> {
    return z.array(WorkerStatistics).parse(JSON.parse(await this.cli('worker', 'statistics', '--json')))
  }

  /** The table as it is in the database. */
  async rows(): Promise<TaskRow[]> {
    const dsn = this.#dsn
    const db = dsn.startsWith('sqlite://')
      ? knex({ client: 'better-sqlite3', connection: { filename: dsn.slice(9) }, useNullAsDefault: true })
      : knex({ client: 'mysql2', connection: dsn })
    try {
      return await db('tasks').orderBy(['create_at', 'id'])
    } finally {
      await db.destroy()
    }
  }
}
