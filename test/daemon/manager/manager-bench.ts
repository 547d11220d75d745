import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { CID } from 'multiformats/cid'
import { type DevnetOptions, type RunningDevnet, startDevnet } from '../../../daemon/devnet/devnet.js'
import type { ProofVerifier } from '../../../daemon/devnet/proofs.js'
import { type Clock, systemClock } from '../../../daemon/kit/clock.js'
import { type Logger, silentLog } from '../../../daemon/kit/log.js'
import type { SealAggregator } from '../../../daemon/manager/commitment/aggregation/seal-aggregator.js'
import type { SealClaim, SealVerifier } from '../../../daemon/manager/commitment/seal-verifier.js'
import { managerHome } from '../../../daemon/manager/config/home.js'
import type { ManagerOptions } from '../../../daemon/manager/manager-options.js'
import type { WindowProofs } from '../../../daemon/manager/post/provers/open-window-prover.js'
import type { UpdateClaim } from '../../../daemon/manager/snapup/update-verifier.js'
import { type RunningManager, startManager } from '../../../daemon/manager/start-manager.js'
import { persistedFiles } from '../../../daemon/manager/storage/store-files.js'
import { lotusService } from '../../../rpc-schema/chain/index.js'
import { type devnetService as DevnetService, devnetService } from '../../../rpc-schema/devnet/index.js'
import type { AllocatedSector } from '../../../rpc-schema/manager/allocation.js'
import type { PollStateResp, PreCommitOnChainInfo, Seed } from '../../../rpc-schema/manager/commitment.js'
import { managerService } from '../../../rpc-schema/manager/index.js'
import { sealyardService } from '../../../rpc-schema/manager/sealyard.js'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import { type Connection, connectRpc } from '../../../rpc-schema/rpc/connection.js'
import type { Client } from '../../../rpc-schema/rpc/method.js'
import { cidToCommD } from '../../../rpc-schema/wire/cid.js'
import { zeroPieceCommitment } from '../../../rpc-schema/wire/piece.js'
import type { SectorID } from '../../../rpc-schema/wire/sector-id.js'
import { eventually } from '../../harness/eventually.js'

export const MINER = 1000
export const SECTOR_SIZE = 2048
const LIMIT_MS = 20_000

/** Time that runs faster than ours, so that pauses of the manager cost a test little. */
export const fastClock = (speed: number): Clock => ({
  now: () => Date.now(),
  monotonic: () => systemClock.monotonic() * speed,
  sleep: (ms, signal) => systemClock.sleep(ms / speed, signal),
})

/** What every piece of these tests is said to be: the recorded one of the real manager. */
export const PIECE_COMMITMENT = cidToCommD(
  CID.parse('baga6ea4seaqdze2m6jmh3q4ba54gc73croxc6kx64zrgoo3cnpxmd7kmnm2iedy'),
)

/** Takes every proof but those that begin with a zero byte. */
const isGood = (proof: Uint8Array): boolean => proof[0] !== 0

type Claimed = Pick<SealClaim, 'seed' | 'proof'>

const chainVerifier = (
  refused: number | undefined,
  refusesAggregates: boolean,
  holds: (claim: Claimed) => boolean,
): ProofVerifier => ({
  verifySeal: seal => Promise.resolve(isGood(seal.proof) && seal.proof[0] !== refused && holds(seal)),
  verifyWindowPost: post => Promise.resolve(isGood(post.proof)),
  verifyUpdate: update => Promise.resolve(isGood(update.proof) && update.proof[0] !== refused),
  verifyAggregate: () => Promise.resolve(!refusesAggregates),
  pieceCommitment: () => Promise.resolve(PIECE_COMMITMENT),
  close: () => Promise.resolve(),
})

export interface BenchOptions {
  devnet?: Partial<DevnetOptions>
  /** More of sector-manager.cfg, below `[[Miners]]`. */
  minerConfig?: string
  /** Ask the market of the devnet for deals. */
  deals?: boolean
  miner?: number
  storeName?: string
  /** First byte of proofs that the manager takes and the chain does not. */
  chainRefuses?: number
  chainRefusesAggregates?: boolean
  /** More that a seal proof has to fulfil, for the manager and for the chain. */
  proofHolds?: (claim: Claimed) => boolean
  gateways?: readonly string[]
  /** More of `[Common]`, whole tables. */
  commonConfig?: string
  /** Directory of the manager; default: one in that of the bench. */
  home?: string
  /** Time as the manager sees it; default: twenty times faster than ours. */
  clock?: Clock
  /** More of `[Miners.Sector]`. */
  sectorConfig?: string
  /** DSN of a MySQL database; `:memory:`, the default, is a file in the home. */
  database?: string
  /** Send by the messager of the devnet instead of by its pool. */
  messager?: boolean
  /** Makes aggregates of pretended proofs; default: there are none. */
  aggregator?: Partial<SealAggregator>
  /** Who makes window proofs; default: the manager. */
  windowProofs?: WindowProofs
  /** Prove the windows. */
  poster?: NonNullable<ManagerOptions['poster']>
  /** Prove won blocks. */
  winning?: NonNullable<ManagerOptions['winning']>
  log?: Logger
  /** Default: on 127.0.0.1. */
  listenHost?: string
  /** Default: any that is free. */
  listenPort?: number
  /** Address of the chain, when it is not the devnet itself. */
  chainFor?: (origin: string) => string
}

/** A manager on a simulated chain, in this process, with proofs that are not made but pretended. */
export class ManagerBench {
  readonly dir = mkdtempSync(join(tmpdir(), 'manager-bench-'))
  readonly verified: SealClaim[] = []
  readonly updatesVerified: UpdateClaim[] = []
  readonly #options: BenchOptions
  readonly #connections: Connection[] = []
  devnet!: RunningDevnet
  manager!: RunningManager
  api!: Client<typeof managerService.methods>
  own!: Client<typeof sealyardService.methods>
  chain!: Client<typeof lotusService.methods>
  admin!: Client<(typeof DevnetService)['methods']>

  constructor(options: BenchOptions = {}) {
    this.#options = options
  }

  get storeDir(): string {
    return join(this.dir, 'persist')
  }

  /** The DSN of its database, where that is a server. */
  get databaseUrl(): string {
    return this.#options.database ?? ''
  }

  async start(): Promise<this> {
    mkdirSync(this.storeDir, { recursive: true })
    this.devnet = await startDevnet({
      home: join(this.dir, 'devnet'),
      epochMs: 20,
      verifier: chainVerifier(
        this.#options.chainRefuses,
        this.#options.chainRefusesAggregates ?? false,
        this.#options.proofHolds ?? (() => true),
      ),
      miners: [{ id: this.#options.miner ?? MINER, sectorSize: SECTOR_SIZE }],
      ...this.#options.devnet,
    })
    this.chain = rpcClient(lotusService, this.#connect(this.devnet.address, '/rpc/v1'))
    this.admin = rpcClient(devnetService, this.#connect(this.devnet.address, '/rpc/v1'))
    await this.startManager()
    return this
  }

  async startManager(): Promise<void> {
    const home = managerHome({ home: this.#options.home ?? join(this.dir, 'manager') }, {})
    mkdirSync(home.dir, { recursive: true })
    writeFileSync(home.configFile, this.config())
    const verifier: SealVerifier = {
      verify: claim => {
        this.verified.push(claim)
        return Promise.resolve(isGood(claim.proof) && (this.#options.proofHolds?.(claim) ?? true))
      },
      close: () => Promise.resolve(),
    }
    this.manager = await startManager({
      home,
      listen: { host: this.#options.listenHost ?? '127.0.0.1', port: this.#options.listenPort ?? 0 },
      version: 'v0-test',
      log: this.#options.log ?? silentLog,
      ...(this.#options.poster && { poster: this.#options.poster }),
      ...(this.#options.winning && { winning: this.#options.winning }),
      clock: this.#options.clock ?? fastClock(20),
      windowProofs: this.#options.windowProofs ?? 'local',
      verifier,
      updateVerifier: {
        verify: claim => {
          this.updatesVerified.push(claim)
          return Promise.resolve(isGood(claim.proof))
        },
        close: () => Promise.resolve(),
      },
      aggregator: {
        problem: async () => 'there are no aggregates in this test',
        aggregate: () => Promise.reject(new Error('not to be called')),
        close: async () => {},
        ...this.#options.aggregator,
      },
    })
    const connection = this.#connect(`http://${this.manager.address}`, '/rpc/v0')
    this.api = rpcClient(managerService, connection)
    this.own = rpcClient(sealyardService, connection)
  }

  config(): string {
    const chain = (this.#options.chainFor ?? (origin => `${origin.replace('http', 'ws')}/rpc/v1`))(this.devnet.address)
    const { deals = false, messager = false, database = ':memory:' } = this.#options
    return `[Common.API]
Chain = "${chain}"
${messager ? `Messager = "${chain.replace('/rpc/v1', '/rpc/v0').replace('ws', 'http')}"` : ''}
${this.#options.gateways ? `Gateway = ${JSON.stringify(this.#options.gateways)}` : ''}
${deals ? `Market = "${this.devnet.address}/rpc/v1"` : ''}
${database === ':memory:' ? '' : `[Common.DB]\nDriver = "mysql"\n[Common.DB.SQL]\nDSN = "${database}"`}
${this.#options.commonConfig ?? ''}
[[Common.PersistStores]]
Name = "${this.#options.storeName ?? 'persist'}"
Path = "${this.storeDir}"
[[Miners]]
Actor = ${this.#options.miner ?? MINER}
[Miners.Sector]
EnableDeals = ${deals}
${this.#options.sectorConfig ?? ''}
${
  this.#options.minerConfig ??
  `[Miners.Commitment]
Confidence = 2
[Miners.Commitment.Pre.Batch]
Threshold = 1
[Miners.Commitment.Prove.Batch]
Threshold = 1
`
}`
  }

  async stop(): Promise<void> {
    for (const connection of this.#connections) await connection.close()
    await this.manager?.stop()
    await this.devnet?.stop()
    rmSync(this.dir, { recursive: true, force: true })
  }

  #connect(address: string, path: string): Connection {
    const connection = connectRpc(address, { path })
    this.#connections.push(connection)
    return connection
  }

  /** A new sector with a ticket, and a pre-commit as PC2 would bring it. */
  async sealed(): Promise<{ sector: AllocatedSector; sid: SectorID; pre: PreCommitOnChainInfo }> {
    const sector = await this.api.AllocateSector({ AllowedMiners: [], AllowedProofTypes: [] })
    if (sector === null) throw new Error('no sector')
    const Ticket = await this.api.AssignTicket(sector.ID)
    const CommR = new Uint8Array(32).fill(sector.ID.Number % 250)
    CommR[31] = 0
    return { sector, sid: sector.ID, pre: { CommR, CommD: zeroPieceCommitment(SECTOR_SIZE), Ticket } }
  }

  preCommitState(sid: SectorID, ...states: number[]): Promise<PollStateResp> {
    return eventually(`pre-commit of ${sid.Number} in state ${states}`, LIMIT_MS, async () => {
      const poll = await this.api.PollPreCommitState(sid)
      return states.includes(poll.State) ? poll : undefined
    })
  }

  proofState(sid: SectorID, ...states: number[]): Promise<PollStateResp> {
    return eventually(`prove-commit of ${sid.Number} in state ${states}`, LIMIT_MS, async () => {
      const poll = await this.api.PollProofState(sid)
      return states.includes(poll.State) ? poll : undefined
    })
  }

  seed(sid: SectorID, proofType: number): Promise<Seed> {
    return eventually(`the seed of ${sid.Number}`, LIMIT_MS, async () => {
      const { Seed } = await this.api.WaitSeed(sid, proofType)
      return Seed ?? undefined
    })
  }

  writeFiles(sid: SectorID, proofType: number, upgrade = false): void {
    for (const file of persistedFiles(sid, proofType, upgrade)) {
      const path = join(this.storeDir, file)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, 'x')
    }
  }

  /** How many messages of a method are on the chain for a sector, whatever became of them. */
  async landed(method: number, sid: SectorID): Promise<number> {
    const messages = await this.admin.Messages({ Miner: sid.Miner, Method: method })
    return messages.filter(message => message.Sectors.includes(sid.Number)).length
  }
}

export const goodProof = (fill: number): Uint8Array => new Uint8Array(192).fill((fill % 250) + 1)
