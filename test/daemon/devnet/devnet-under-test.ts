import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DevnetOptions, type RunningDevnet, startDevnet } from '../../../daemon/devnet/devnet.js'
import type {
  AggregateToVerify,
  ProofVerifier,
  SealToVerify,
  UpdateToVerify,
  WindowPostToVerify,
} from '../../../daemon/devnet/proofs.js'
import { METHODS } from '../../../rpc-schema/actors/actor-methods.js'
import type { PieceActivationManifest } from '../../../rpc-schema/actors/miner-pieces.js'
import { PreCommitSectorBatch2Params, type SectorPreCommitInfo } from '../../../rpc-schema/actors/miner-precommit.js'
import { ProveCommitSectors3Params } from '../../../rpc-schema/actors/miner-prove-commit.js'
import { lotusService, marketService } from '../../../rpc-schema/chain/index.js'
import type { GetDealSpec } from '../../../rpc-schema/chain/market.js'
import type { MsgLookup } from '../../../rpc-schema/chain/receipt.js'
import { devnetService } from '../../../rpc-schema/devnet/index.js'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import { type Connection, connectRpc } from '../../../rpc-schema/rpc/connection.js'
import type { Client } from '../../../rpc-schema/rpc/method.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { commRToCid } from '../../../rpc-schema/wire/cid.js'
import { type Message, type SignedMessage, signedMessageCid } from '../../../rpc-schema/wire/message.js'

/** A verifier that says what it is told, and remembers what it was asked. */
export class ScriptedVerifier implements ProofVerifier {
  seals: SealToVerify[] = []
  aggregates: AggregateToVerify[] = []
  /** Proofs that hold: those whose first byte is not 0. */
  readonly verifySeal = (seal: SealToVerify): Promise<boolean> => {
    this.seals.push(seal)
    return Promise.resolve(seal.proof[0] !== 0)
  }
  readonly verifyAggregate = (aggregate: AggregateToVerify): Promise<boolean> => {
    this.aggregates.push(aggregate)
    return Promise.resolve(aggregate.proof[0] !== 0)
  }
  posts: WindowPostToVerify[] = []
  readonly verifyWindowPost = (post: WindowPostToVerify): Promise<boolean> => {
    this.posts.push(post)
    return Promise.resolve(post.proof[0] !== 0)
  }
  updates: UpdateToVerify[] = []
  readonly verifyUpdate = (update: UpdateToVerify): Promise<boolean> => {
    this.updates.push(update)
    return Promise.resolve(update.proof[0] !== 0)
  }
  pieceCommitment(): Promise<Uint8Array> {
    return Promise.resolve(new Uint8Array(32).fill(7))
  }
  close(): Promise<void> {
    return Promise.resolve()
  }
}

export const MINER = Address.fromId(1000, 't')
export const GOOD_PROOF = new Uint8Array(192).fill(1)
export const BAD_PROOF = new Uint8Array(192)
/** Any deal fits. */
export const NO_LIMITS: GetDealSpec = {
  MaxPiece: 0,
  MaxPieceSize: 0,
  MinPiece: 0,
  MinPieceSize: 0,
  MinUsedSpace: 0,
  StartEpoch: 0,
  EndEpoch: 0,
  SectorExpiration: null,
}

/** comm_r of a number: any field element will do for a scripted verifier. */
export const sealedCid = (number: number) => commRToCid(new Uint8Array(32).fill((number % 60) + 1))

export class DevnetUnderTest {
  readonly home: string
  readonly verifier = new ScriptedVerifier()
  devnet!: RunningDevnet
  node!: Client<typeof lotusService.methods>
  market!: Client<typeof marketService.methods>
  admin!: Client<typeof devnetService.methods>
  readonly #options: Partial<DevnetOptions>
  #connections: Connection[] = []

  private constructor(options: Partial<DevnetOptions>) {
    this.home = mkdtempSync(join(tmpdir(), 'devnet-test-'))
    this.#options = options
  }

  /** A devnet that makes epochs only when it is told to, unless the options say otherwise. */
  static async start(options: Partial<DevnetOptions> = {}): Promise<DevnetUnderTest> {
    const test = new DevnetUnderTest(options)
    await test.run()
    return test
  }

  async run(): Promise<void> {
    this.devnet = await startDevnet({ home: this.home, manual: true, verifier: this.verifier, ...this.#options })
    const connection = this.connect('http')
    this.node = rpcClient(lotusService, connection)
    this.market = rpcClient(marketService, connection)
    this.admin = rpcClient(devnetService, connection)
  }

  connect(scheme: 'http' | 'ws', timeoutMs = 10_000, path = '/rpc/v1'): Connection {
    const connection = connectRpc(this.devnet.address.replace('http', scheme), { path, timeoutMs })
    this.#connections.push(connection)
    return connection
  }

  /** Stops it; its home stays. */
  async halt(): Promise<void> {
    for (const connection of this.#connections.splice(0)) await connection.close()
    await this.devnet.stop()
  }

  async restart(): Promise<void> {
    await this.halt()
    await this.run()
  }

  async stop(): Promise<void> {
    await this.halt()
    rmSync(this.home, { recursive: true, force: true })
  }

  get height(): number {
    return this.devnet.chain.head.header.Height
  }

  /** Raw JSON-RPC over HTTP. */
  async raw(
    request: unknown,
    path = '/rpc/v1',
  ): Promise<{ result?: unknown; error?: { code: number; message: string } }> {
    const response = await fetch(`${this.devnet.address}${path}`, { method: 'POST', body: JSON.stringify(request) })
    return (await response.json()) as { result?: unknown }
  }

  get worker(): Address {
    return this.devnet.accounts.worker
  }

  get client(): Address {
    return this.devnet.accounts.client
  }

  message(changes: Partial<Message> = {}): Message {
    return {
      Version: 0,
      To: MINER,
      From: this.worker,
      Nonce: 0,
      Value: 0n,
      GasLimit: 0,
      GasFeeCap: 0n,
      GasPremium: 0n,
      Method: 0,
      Params: new Uint8Array(),
      ...changes,
    }
  }

  /** Pushes without an estimate, which would refuse what must fail on the chain. */
  forced(changes: Partial<Message>): Promise<SignedMessage> {
    return this.node.MpoolPushMessage(this.message({ GasLimit: 2_000_000_000, ...changes }), null)
  }

  /** Sends a message and runs it. */
  async land(changes: Partial<Message>): Promise<MsgLookup> {
    const signed = await this.forced(changes)
    await this.admin.Advance(2)
    const found = await this.node.StateSearchMsg([], signedMessageCid(signed), -1, true)
    if (found === null) throw new Error('the message did not land')
    return found
  }

  /** A pre-commit of an empty sector that is right in the next epoch. */
  preCommitInfo(number: number, changes: Partial<SectorPreCommitInfo> = {}): SectorPreCommitInfo {
    return {
      SealProof: 5,
      SectorNumber: number,
      SealedCID: sealedCid(number),
      SealRandEpoch: this.height - 900,
      DealIDs: [],
      Expiration: this.height + 1_500_000,
      UnsealedCid: null,
      ...changes,
    }
  }

  preCommit(infos: readonly SectorPreCommitInfo[], changes: Partial<Message> = {}): Promise<MsgLookup> {
    return this.land({
      Method: METHODS.miner.PreCommitSectorBatch2,
      Params: PreCommitSectorBatch2Params.encode({ Sectors: [...infos] }),
      ...changes,
    })
  }

  /** Pre-commits empty sectors and waits for their seeds. */
  async preCommitted(...numbers: number[]): Promise<void> {
    const landed = await this.preCommit(numbers.map(number => this.preCommitInfo(number)))
    if (landed.Receipt.ExitCode !== 0) throw new Error(`pre-commit failed with ${landed.Receipt.ExitCode}`)
    await this.admin.Advance(10)
  }

  proveParams(
    sectors: readonly { number: number; proof?: Uint8Array; pieces?: PieceActivationManifest[] }[],
    changes: Partial<ProveCommitSectors3Params> = {},
  ): ProveCommitSectors3Params {
    return {
      SectorActivations: sectors.map(({ number, pieces = [] }) => ({ SectorNumber: number, Pieces: pieces })),
      SectorProofs: sectors.map(({ proof = GOOD_PROOF }) => proof),
      AggregateProof: new Uint8Array(),
      AggregateProofType: null,
      RequireActivationSuccess: false,
      RequireNotificationSuccess: false,
      ...changes,
    }
  }

  prove(params: ProveCommitSectors3Params, changes: Partial<Message> = {}): Promise<MsgLookup> {
    return this.land({
      Method: METHODS.miner.ProveCommitSectors3,
      Params: ProveCommitSectors3Params.encode(params),
      ...changes,
    })
  }
}

/** What a promise was rejected with. */
export async function failure(promise: Promise<unknown>): Promise<Error & { code?: number }> {
  let value: unknown
  try {
    value = await promise
  } catch (error) {
    return error as Error
  }
  throw new Error(`expected a failure, got ${JSON.stringify(value)}`)
}
