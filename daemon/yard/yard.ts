import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { devnetService } from '../../rpc-schema/devnet/index.js'
import { rpcClient } from '../../rpc-schema/rpc/client.js'
import { connectRpc } from '../../rpc-schema/rpc/connection.js'
import { errorText } from '../../rpc-schema/seal-error.js'
import { stopCommittedCapacity, writeConfigFiles, YARD_MINER } from './config-files.js'
import { DaemonProcess } from './daemon-process.js'
import type { YardHome, YardPorts } from './home.js'
import { SectorWatch, type WatchedSector, type YardAddresses } from './sector-watch.js'
import { StageLog } from './stage-log.js'

export interface YardOptions {
  home: YardHome
  /** Length of an epoch of the devnet, ms. */
  epochMs: number
  signal: AbortSignal
  /** One line about what happens. */
  tell(text: string): void
}

const LOOK_EVERY_MS = 500
const CHALLENGE_WINDOW = 60
const DEADLINES = 4
/** The text that is sealed: shorter than the 2,032 bytes that fit into a 2 KiB sector. */
const PIECE_TEXT = 'Sealyard seals its first piece of data.\n'.repeat(45)

/** A whole yard on this machine: simulated chain, manager and worker as processes of their own. */
export class Yard {
  readonly addresses: YardAddresses
  readonly #options: YardOptions
  readonly #daemons: DaemonProcess[]
  readonly #watch: SectorWatch
  readonly #stageLog: StageLog

  private constructor(options: YardOptions, addresses: YardAddresses, daemons: DaemonProcess[]) {
    this.#options = options
    this.addresses = addresses
    this.#daemons = daemons
    this.#watch = new SectorWatch(addresses)
    this.#stageLog = new StageLog(options.home.log('worker'))
  }

  /** Starts the daemons one after the other, each when the one before answers. */
  static async start(options: YardOptions): Promise<Yard> {
    const { home, tell } = options
    const ports = await home.ports()
    writeConfigFiles(home, ports)
    const daemons: DaemonProcess[] = []
    const addresses: YardAddresses = {
      chain: `ws://127.0.0.1:${ports.devnet}`,
      manager: `ws://127.0.0.1:${ports.manager}`,
      worker: `http://127.0.0.1:${ports.worker}`,
    }
    try {
      daemons.push(await DaemonProcess.start(devnetProcess(options, ports)))
      tell(`chain      ${addresses.chain}/rpc/v1 (simulated; ${options.epochMs} ms an epoch)`)
      await offerDeal(home, addresses.chain)
      daemons.push(await DaemonProcess.start(managerProcess(options, ports)))
      tell(`manager    ${addresses.manager}/rpc/v0`)
      daemons.push(await DaemonProcess.start(workerProcess(options)))
      tell(`worker     ${addresses.worker}/`)
      return new Yard(options, addresses, daemons)
    } catch (error) {
      for (const daemon of daemons.reverse()) await daemon.stop()
      throw error
    }
  }

  /** Follows the two sectors until both are active. Throws when one cannot get there, or a daemon ends by itself. */
  async untilActive(onLook: (sectors: readonly WatchedSector[]) => void): Promise<WatchedSector[]> {
    const { home, signal, tell } = this.#options
    for (const earlier of await this.#stageLog.read()) this.#watch.note(earlier)
    for (;;) {
      signal.throwIfAborted()
      const fresh = await this.#stageLog.read()
      for (const done of fresh) {
        this.#watch.note(done)
        tell(`${done.sector}  ${done.stage}  ${seconds(done.tookMs)}`)
      }
      const sectors = await this.#watch.look()
      if (sectors.some(sector => sector.kind === 'CC')) stopCommittedCapacity(home)
      onLook(sectors)
      if (sectors.length === 2 && sectors.every(sector => sector.active)) return sectors
      const failed = sectors.find(sector => sector.failure !== undefined)
      if (failed) throw new Error(`sector ${failed.name} failed in state ${failed.state}: ${failed.failure}`)
      const paused = await this.#watch.pausedThread()
      if (paused) throw new Error(`${paused}\n(the worker's log: ${home.log('worker')})`)
      await Promise.race([wait(LOOK_EVERY_MS, signal), this.surprise()])
    }
  }

  /** Rejects when a daemon ends that nobody stopped. */
  surprise(): Promise<never> {
    return Promise.race(
      this.#daemons.map(async daemon => {
        const how = await daemon.ended
        if (daemon.isWanted)
          throw new Error(
            `the ${daemon.name} ended by itself (${how}); its log: ${this.#options.home.log(daemon.name)}`,
          )
        return new Promise<never>(() => {})
      }),
    )
  }

  /** Stops what it started, the last one first. */
  async stop(): Promise<void> {
    await this.#watch.close()
    for (const daemon of [...this.#daemons].reverse()) await daemon.stop()
  }
}

export const seconds = (ms: number): string => `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 1)} s`

function devnetProcess(
  { home, epochMs, signal }: YardOptions,
  ports: YardPorts,
): Parameters<typeof DaemonProcess.start>[0] {
  return {
    name: 'devnet',
    bin: 'sealyard',
    args: [
      'devnet',
      'run',
      '--home',
      home.devnet,
      '--listen',
      `127.0.0.1:${ports.devnet}`,
      '--epoch-ms',
      String(epochMs),
      // A proving period of minutes instead of a day: the first window of a new sector is soon.
      '--challenge-window',
      String(CHALLENGE_WINDOW),
      '--deadlines',
      String(DEADLINES),
    ],
    logFile: home.log('devnet'),
    signal,
  }
}

function managerProcess({ home, signal }: YardOptions, ports: YardPorts): Parameters<typeof DaemonProcess.start>[0] {
  return {
    name: 'manager',
    bin: 'damocles-manager',
    args: ['--home', home.manager, 'daemon', 'run', '--listen', `127.0.0.1:${ports.manager}`, '--poster'],
    logFile: home.log('manager'),
    signal,
  }
}

function workerProcess({ home, signal }: YardOptions): Parameters<typeof DaemonProcess.start>[0] {
  return {
    name: 'worker',
    bin: 'damocles-worker',
    args: ['daemon', '-c', home.workerConfig],
    logFile: home.log('worker'),
    signal,
  }
}

/** Puts a piece of data on the stand-in market, once in the life of a home. */
async function offerDeal(home: YardHome, chain: string): Promise<void> {
  const marker = home.path('pieces', 'offered.json')
  if (await readFile(marker).catch(() => undefined)) return
  const connection = connectRpc(chain, { path: '/rpc/v1' })
  try {
    const deal = await rpcClient(devnetService, connection).ImportDeal({
      Miner: YARD_MINER,
      Data: new TextEncoder().encode(PIECE_TEXT),
    })
    await mkdir(home.path('pieces'), { recursive: true })
    await writeFile(home.path('pieces', 'first-piece.txt'), PIECE_TEXT)
    await writeFile(
      marker,
      `${JSON.stringify({ pieceCid: deal.PieceCID.toString(), allocation: deal.AllocationID })}\n`,
    )
  } catch (error) {
    throw new Error(`cannot offer the piece of data to the chain's market: ${errorText(error)}`, { cause: error })
  } finally {
    await connection.close()
  }
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
  })
}
