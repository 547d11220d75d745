import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Knex } from 'knex'
import { lotusService, marketService, messagerService } from '../../rpc-schema/chain/index.js'
import { devnetService, ENDPOINTS } from '../../rpc-schema/devnet/index.js'
import { type Handlers, PERMISSIONS } from '../../rpc-schema/rpc/method.js'
import { toHex } from '../../rpc-schema/wire/bytes.js'
import { MAINNET_DEADLINES } from '../../rpc-schema/wire/deadline.js'
import { FIL } from '../../rpc-schema/wire/token-amount.js'
import { type Clock, systemClock } from '../kit/clock.js'
import { openDatabase } from '../kit/database.js'
import type { ListenAddress } from '../kit/http/http-server.js'
import type { Running } from '../kit/lifecycle.js'
import { type Logger, silentLog } from '../kit/log.js'
import { bindPart, bindService, Dispatcher } from '../kit/rpc/dispatcher.js'
import { RpcServer } from '../kit/rpc/rpc-server.js'
import { Tokens } from '../kit/rpc/tokens.js'
import { adminApi } from './admin/admin-api.js'
import { Faults } from './admin/faults.js'
import { callApi } from './api/call.js'
import { chainApi } from './api/chain.js'
import { marketStateApi } from './api/market.js'
import { minerApi } from './api/miner.js'
import { mpoolApi } from './api/mpool.js'
import { type ApiName, nodeApi } from './api/node.js'
import { randomnessApi } from './api/randomness.js'
import { readStateApi } from './api/read-state.js'
import { stateApi } from './api/state.js'
import { Chain } from './chain/chain.js'
import { EpochClock } from './chain/epoch-clock.js'
import { type GenesisAccounts, genesisAccounts, genesisState } from './chain/genesis.js'
import { MessageSearch } from './chain/message-search.js'
import type { Network } from './chain/network.js'
import { deadlineConstants, NETWORK_VERSION } from './chain/policy.js'
import { ServedHead } from './chain/served-head.js'
import { CuttableHttpServer } from './cuttable-http-server.js'
import { type BuiltInDeal, DealRepository, type DirectDeal } from './market/deal-repository.js'
import { Market } from './market/market.js'
import { marketApi } from './market/market-api.js'
import { PieceFiles } from './market/piece-files.js'
import { messagerApi } from './messager/messager-api.js'
import { MessagerRepository } from './messager/messager-repository.js'
import { Mpool } from './mpool/mpool.js'
import { NativeVerifier } from './native-verifier.js'
import { ChainRepository } from './persistence/chain-repository.js'
import { MIGRATIONS } from './persistence/schema.js'
import { type ProofVerifier, RememberingVerifier } from './proofs.js'

import { Wallet } from './wallet/wallet.js'

export interface DevnetOptions {
  /** Directory of the chain, its pieces and its token; made when absent. */
  readonly home: string
  /** Default: a free port of 127.0.0.1. */
  readonly listen?: ListenAddress
  /** Real milliseconds from one epoch to the next; default 500. */
  readonly epochMs?: number
  /** Only `Devnet.Advance` makes epochs. */
  readonly manual?: boolean
  readonly log?: Logger
  readonly clock?: Clock
  /** Default: the native prover. */
  readonly verifier?: ProofVerifier
  /** The rest only counts when the home is new; what it was made with is kept there. */
  readonly miners?: Network['miners']
  /** attoFIL that each miner begins with; default 10,000 FIL. */
  readonly minerBalance?: bigint
  readonly startEpoch?: number
  readonly challengeDelay?: number
  readonly networkName?: string
  /** Version of the network at the start. */
  readonly networkVersion?: number
  /** Epochs of a deadline's window, and deadlines of a proving period; default mainnet's. */
  readonly challengeWindow?: number
  readonly deadlines?: number
  /** Take window proofs on trust, to be disputed, as real networks do; default: verify each at once. */
  readonly trustPosts?: boolean
  /** Source of all keys and randomness; the same one makes the same tickets and seeds at the same epochs. Default: random. */
  readonly networkSeed?: string
}

export interface RunningDevnet extends Running {
  readonly chain: Chain
  readonly wallet: Wallet
  readonly accounts: GenesisAccounts
}

export const DEFAULT_EPOCH_MS = 500
export const DEFAULT_MINERS: Network['miners'] = [{ id: 1000, sectorSize: 2048 }]
export const DEFAULT_MINER_BALANCE = 10_000n * FIL
export const DEFAULT_START_EPOCH = 1000
export const DEFAULT_CHALLENGE_DELAY = 10
export const DEFAULT_CHALLENGE_WINDOW = MAINNET_DEADLINES.WPoStChallengeWindow
export const DEFAULT_DEADLINES = MAINNET_DEADLINES.WPoStPeriodDeadlines

/** Starts a devnet; resolves when it listens. */
export async function startDevnet(options: DevnetOptions): Promise<RunningDevnet> {
  const { home, log = silentLog, clock = systemClock, epochMs = DEFAULT_EPOCH_MS } = options
  await mkdir(home, { recursive: true })
  const db = await openHome(home)
  const verifier = new RememberingVerifier(options.verifier ?? new NativeVerifier())
  try {
    const repository = new ChainRepository(db)
    const { network, secret } = await networkOf(repository, options, clock)
    const wallet = new Wallet()
    const accounts = genesisAccounts(network, wallet)
    const chain = await Chain.open({ network, repository, verifier, log, genesis: () => genesisState(network, wallet) })
    const epochs = new EpochClock({ chain, clock, log, epochMs })
    const search = new MessageSearch(chain)
    const mpool = new Mpool(chain, wallet)
    const market = new Market(
      chain,
      await DealRepository.open<DirectDeal>(db, 'deals'),
      await DealRepository.open<BuiltInDeal>(db, 'built_in_deals'),
    )
    const messager = messagerApi(new MessagerRepository(db), { chain, mpool, search })
    const pieces = new PieceFiles(join(home, 'pieces'))
    const tokens = new Tokens(secret)
    await writeFile(join(home, 'token'), tokens.issue(PERMISSIONS), { mode: 0o600 })

    const http = new CuttableHttpServer(log)
    const servers: RpcServer[] = []
    const faults = new Faults(clock, () => {
      if (!http.cutCurrent()) for (const server of servers) server.dropConnections()
    })
    const lotus = (api: ApiName, shown: Chain): Partial<Handlers<typeof lotusService.methods>> => ({
      ...chainApi(shown, new MessageSearch(shown)),
      ...stateApi(shown, new MessageSearch(shown)),
      ...marketStateApi(shown),
      ...minerApi(shown),
      ...randomnessApi(shown),
      ...mpoolApi(chain, mpool),
      ...callApi(shown),
      ...readStateApi(shown),
      ...nodeApi({ chain: shown, wallet, tokens, defaultAddress: accounts.worker }, api),
    })
    const heads = { main: new ServedHead(chain), second: new ServedHead(chain) }
    const admin = adminApi({
      chain,
      clock: epochs,
      heads,
      faults,
      epochMs,
      faucet: accounts.faucet,
      client: accounts.client,
      wallet,
      mpool,
      search,
      market,
      pieces,
      advance: async () => {
        // Two: one that holds the message, one that has run it.
        if (!epochs.isRunning) for (let left = 2; left > 0; left--) await chain.produce()
      },
    })
    for (const endpoint of ENDPOINTS) {
      const shown = heads[endpoint].asChain()
      const prefix = endpoint === 'main' ? '' : `/${endpoint}`
      for (const api of ['v0', 'v1'] as const) {
        const dispatcher = new Dispatcher(
          [
            bindPart(lotusService, faults.around('Filecoin', lotus(api, shown), endpoint)),
            bindService(marketService, faults.around('VENUS_MARKET', marketApi(market), endpoint)),
            bindService(messagerService, faults.around('Message', messager, endpoint)),
            bindService(devnetService, admin),
          ],
          { title: 'Sealyard devnet', version: api, log },
        )
        const authenticate = (token: string | undefined) => (token === undefined ? PERMISSIONS : tokens.verify(token))
        servers.push(new RpcServer(dispatcher, { log, authenticate }).mount(http, `${prefix}/rpc/${api}`))
      }
    }
    http.route('/resource', (request, response) => pieces.serve(request, response))
    const { host, port } = await http.listen(options.listen ?? { host: '127.0.0.1', port: 0 })
    if (options.manual !== true) epochs.start()
    return {
      address: `http://${host}:${port}`,
      chain,
      wallet,
      accounts,
      stop: async () => {
        await epochs.stop()
        await chain.close()
        for (const head of Object.values(heads)) head.close()
        for (const server of servers) server.close()
        await http.close()
        await verifier.close()
        await db.destroy()
      },
    }
  } catch (error) {
    await verifier.close()
    await db.destroy()
    throw error
  }
}

/** The database of a home. Only one process has it: two chains in one home would write into each other. */
async function openHome(home: string): Promise<Knex> {
  try {
    const file = join(home, 'devnet.sqlite')
    return await openDatabase({ dsn: file, migrations: MIGRATIONS, synchronous: 'normal', exclusive: true })
  } catch (error) {
    if (!String((error as Error).message).includes('database is locked')) throw error
    throw new Error(`another devnet runs in ${home}`, { cause: error })
  }
}

interface StoredNetwork {
  readonly network: Network
  readonly secret: Uint8Array
}

/** The network that the home was made with; makes it when the home is new. */
async function networkOf(repository: ChainRepository, options: DevnetOptions, clock: Clock): Promise<StoredNetwork> {
  const stored = await repository.meta<StoredNetwork>('network')
  if (stored !== undefined) {
    // Chains of before deadlines were kept have another state, which nothing here can read.
    if ((stored.network as Partial<Network>).deadlines !== undefined)
      return {
        ...stored,
        network: { version: NETWORK_VERSION, trustsPosts: false, ...(stored.network as Partial<Network>) } as Network,
      }
    throw new Error(
      `the chain in ${options.home} was made by an older version: remove that directory to begin a new one`,
    )
  }
  const { startEpoch = DEFAULT_START_EPOCH, epochMs = DEFAULT_EPOCH_MS } = options
  const blockDelaySecs = Math.max(1, Math.round(epochMs / 1000))
  const made: StoredNetwork = {
    network: {
      name: options.networkName ?? 'localnet',
      seed: options.networkSeed ?? toHex(randomBytes(16)),
      miners: options.miners ?? DEFAULT_MINERS,
      minerBalance: options.minerBalance ?? DEFAULT_MINER_BALANCE,
      startEpoch,
      genesisTimestamp: Math.floor(clock.now() / 1000) - startEpoch * blockDelaySecs,
      blockDelaySecs,
      challengeDelay: options.challengeDelay ?? DEFAULT_CHALLENGE_DELAY,
      version: options.networkVersion ?? NETWORK_VERSION,
      deadlines: deadlineConstants(
        options.challengeWindow ?? DEFAULT_CHALLENGE_WINDOW,
        options.deadlines ?? DEFAULT_DEADLINES,
      ),
      trustsPosts: options.trustPosts ?? false,
    },
    secret: new Uint8Array(randomBytes(32)),
  }
  await repository.putMeta('network', made)
  return made
}
