import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { SectorState } from '../../rpc-schema/manager/sector-state.js'
import { Address } from '../../rpc-schema/wire/address.js'
import { sectorName } from '../../rpc-schema/wire/sector-id.js'
import { eventually } from './eventually.js'
import type { TestDatabase } from './on-each-database.js'
import { sectorsInPool } from './sectors-in-pool.js'
import { type TestDaemon, TestYard } from './test-yard.js'
import { nativeWindowProver, WindowPoster } from './window-poster.js'

const STAGE_MS = 120_000
/** Also when a proof is not known yet and has to be made. */
const PROOF_MS = 900_000
export const MANUAL_MINER = 1000
const MANUAL_MINER_ADDRESS = Address.fromId(MANUAL_MINER)
/** A proving period, and some more. */
const MOST_WINDOWS = 60
/** How long the manager has in each window to send what it may. */
const LOOK_MS = 3_000
/** How long an epoch is while a command waits: it asks several times a second. */
const COMMAND_EPOCH_MS = 200
const MANAGER_BIN = fileURLToPath(new URL('../../bin/damocles-manager.js', import.meta.url))
export const REMEMBERING = fileURLToPath(new URL('../fixtures/remembering-processor.js', import.meta.url))

export interface ManualYardOptions {
  database: TestDatabase
  messager: boolean
  devnetArgs?: readonly string[]
  minerConfig: string
}

/**
 * Real processes on a chain that moves only when it is told to and has the same tickets and seeds every time: what has been proven once is proven, and
 * a test decides in which epoch something happens.
 */
export class ManualYard {
  readonly yard: TestYard
  readonly #prover: ReturnType<typeof nativeWindowProver>
  readonly #poster: WindowPoster

  private constructor(yard: TestYard) {
    this.yard = yard
    this.#prover = nativeWindowProver([join(yard.dir, 'persist')])
    this.#poster = new WindowPoster({ node: yard.chain, miner: MANUAL_MINER_ADDRESS, prove: this.#prover })
  }

  static async start({ database, messager, devnetArgs = [], minerConfig }: ManualYardOptions): Promise<ManualYard> {
    const dsn = await database.fresh()
    const yard = new TestYard({
      devnetArgs: ['--manual', '--network-seed', 'the ways of sectors', ...devnetArgs],
      messager,
      minerConfig,
      commonConfig: dsn === ':memory:' ? '' : `[Common.DB]\nDriver = "mysql"\n[Common.DB.SQL]\nDSN = "${dsn}"\n`,
      chainFor: origin => `${origin.replace('http', 'ws')}/rpc/v1`,
      workerConfig: () => '',
    })
    try {
      await yard.devnet.start()
      await yard.startManager()
    } catch (error) {
      await yard.stop()
      throw error
    }
    return new ManualYard(yard)
  }

  async stop(): Promise<void> {
    await this.#prover.close()
    await this.yard.stop()
  }

  /**
   * A worker whose threads each take one sector, or wait for the next for an hour. `sealing` are settings of every thread, `processors` those of the
   * slow stages.
   */
  async worker(
    name: string,
    threads: number,
    { plan = 'sealer', sealing = '', processors = REMEMBERING_PROCESSORS } = {},
  ): Promise<TestDaemon> {
    const entries = Array.from(
      { length: threads },
      (_, index) => `[[sealing_thread]]
location = "${join(this.yard.dir, name, `store-${index}`)}"
plan = "${plan}"
${sealing}
`,
    )
    return this.yard.startWorker(
      name,
      `[sealing]
allowed_sizes = ["2KiB"]
max_retries = 3
seal_interval = "1h"
recover_interval = "500ms"
rpc_polling_interval = "300ms"
${entries.join('')}
${processors}
`,
    )
  }

  /** Waits until the pool of the node holds messages of this method for so many sectors. */
  async inPool(method: number, sectors = 1): Promise<void> {
    await eventually(`${sectors} sectors in messages of method ${method} in the pool`, PROOF_MS, async () => {
      return (await sectorsInPool(this.yard.chain, method)) >= sectors || undefined
    })
  }

  /** The same for a message that waits for its deadline: window after window passes until it comes. */
  async inPoolAfter(method: number): Promise<void> {
    for (let windows = 0; windows < MOST_WINDOWS; windows++) {
      const end = performance.now() + LOOK_MS
      while (performance.now() < end) {
        const pending = await this.yard.chain.MpoolPending([])
        if (pending.some(({ Message }) => Message.Method === method)) return
        await new Promise(resolve => setTimeout(resolve, 100))
      }
      await this.advance(60)
    }
    throw new Error(`no message of method ${method} came into the pool within ${MOST_WINDOWS} windows`)
  }

  /** So many epochs, at least three: what is in the pool lands in the first of them; every window that opens is proven. */
  async advance(epochs: number): Promise<void> {
    const { Height } = await this.yard.chain.ChainHead()
    await this.yard.admin.Advance(2)
    await this.#poster.advanceTo(Height + epochs, this.yard.admin)
  }

  /** As far as it takes until every sector has been proven in its window. */
  activate(): Promise<void> {
    return this.#poster.activate(this.yard.admin)
  }

  /** Offline records of these sectors, once their workers are done with them. */
  async finished(...numbers: number[]): Promise<SectorState[]> {
    return eventually(`sectors ${numbers} finished`, STAGE_MS, async () => {
      const all = (await this.yard.managerApi.ListSectors('offline', 0)) ?? []
      const found = numbers.map(number => all.find(({ ID }) => ID.Number === number))
      const aborted = found.find(record => record !== undefined && record.AbortReason !== '')
      if (aborted) throw new Error(`${sectorName(aborted.ID)} was aborted: ${aborted.AbortReason}`)
      return found.every(record => record !== undefined) ? (found as SectorState[]) : undefined
    })
  }

  /** What `damocles-manager util …` prints. */
  util(...args: string[]): Promise<string> {
    const { dir, manager } = this.yard
    return this.utilOf(join(dir, 'manager'), manager.listen, ...args)
  }

  /** The same of another manager. */
  async utilOf(home: string, listen: string, ...args: string[]): Promise<string> {
    const all = [MANAGER_BIN, '--home', home, 'util', '--listen', listen, ...args]
    const { stdout } = await promisify(execFile)(process.execPath, all)
    return stdout
  }

  /** The same for a command that waits until its message is deep in the chain: epochs pass meanwhile. */
  async utilWhileEpochsPass(...args: string[]): Promise<string> {
    let done = false
    const printed = this.util(...args).finally(() => {
      done = true
    })
    while (!done) {
      await new Promise(resolve => setTimeout(resolve, COMMAND_EPOCH_MS))
      await this.yard.admin.Advance(1)
    }
    return printed
  }

  persisted(...path: string[]): boolean {
    return existsSync(join(this.yard.dir, 'persist', ...path))
  }

  /** How many messages of a method are on the chain for a sector, whatever became of them. */
  async landed(method: number, number: number): Promise<number> {
    const messages = await this.yard.admin.Messages({ Miner: MANUAL_MINER, Method: method })
    return messages.filter(({ Sectors }) => Sectors.includes(number)).length
  }
}

/** A processor whose proofs are made once, see `remembered-proofs.ts`; `more`: further lines of its entry. */
export const rememberingProcessor = (stage: string, more = ''): string => `[[processors.${stage}]]
bin = ${JSON.stringify(process.execPath)}
args = [${JSON.stringify(REMEMBERING)}, "${stage}"]
concurrent = 1
${more}
`

const REMEMBERING_PROCESSORS = ['c2', 'snap_prove'].map(stage => rememberingProcessor(stage)).join('')
