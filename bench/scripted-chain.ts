import { randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import { z } from 'zod'
import { startDevnet } from '../daemon/devnet/devnet.js'
import { METHODS } from '../rpc-schema/actors/actor-methods.js'
import { BatchReturn, batchReturn } from '../rpc-schema/actors/batch-return.js'
import { PreCommitSectorBatch2Params } from '../rpc-schema/actors/miner-precommit.js'
import { ProveCommitSectors3Params } from '../rpc-schema/actors/miner-prove-commit.js'
import { type Connection, connectRpc } from '../rpc-schema/rpc/connection.js'
import { CHANNEL } from '../rpc-schema/rpc/frame.js'
import { chainCid } from '../rpc-schema/wire/cid.js'
import { Message, messageCid } from '../rpc-schema/wire/message.js'

type Json = Record<string, unknown>
type Link = { '/': string }
interface TipSetJson {
  readonly Cids: readonly Link[]
  readonly Blocks: readonly Json[]
  readonly Height: number
}

const link = (text: string): Link => ({ '/': text })
const RANDOMNESS = Buffer.alloc(32, 7).toString('base64')
const FIL = '1000000000000000000'
/** Tipsets that can be asked for by their height. */
const KEPT = 2_000

/**
 * A chain that answers from memory, so that a bench measures the manager and not a chain: what a message does is noted when it is pushed and counts from
 * the next tipset on; nothing is executed, verified or kept on a disk. What never changes is asked once from a devnet that stands behind it. The
 * answers are JSON as it goes over the wire, no schema is asked.
 */
export class ScriptedChain {
  readonly #devnet: Connection
  readonly #answers = new Map<string, Promise<unknown>>()
  readonly #tipsets: TipSetJson[] = []
  readonly #messages = new Map<string, { readonly height: number; readonly sectors: number }>()
  readonly #preCommits = new Map<number, { readonly height: number; readonly info: Json }>()
  readonly #proven = new Map<number, { readonly height: number; readonly info: Json }>()
  readonly #followers = new Set<WebSocket>()
  #ticking: NodeJS.Timeout | undefined
  #nonce = 0

  private constructor(devnet: Connection, head: TipSetJson) {
    this.#devnet = devnet
    this.#tipsets.push(head)
  }

  /** Answers on a free port of 127.0.0.1; resolves with its `ws://` address. */
  static async start(home: string, epochMs: number): Promise<string> {
    const { address } = await startDevnet({ home, manual: true, challengeDelay: 2, verifier: {} as never })
    const devnet = connectRpc(`${address.replace('http', 'ws')}/rpc/v1`)
    const chain = new ScriptedChain(devnet, (await devnet.call('Filecoin.ChainHead', [])) as TipSetJson)
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false })
    server.on('connection', socket => {
      socket.on('message', data => void chain.#answer(socket, JSON.parse(String(data))))
      socket.on('close', () => chain.#followers.delete(socket))
    })
    await new Promise(resolve => server.once('listening', resolve))
    chain.#mine(epochMs)
    process.on('message', message => {
      if (message === 'pause') clearInterval(chain.#ticking)
      if (message === 'resume') chain.#mine(epochMs)
    })
    return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  #mine(epochMs: number): void {
    this.#ticking = setInterval(() => this.#grow(), epochMs)
  }

  get #head(): TipSetJson {
    return this.#tipsets.at(-1)!
  }

  #grow(): void {
    const { Cids, Blocks, Height } = this.#head
    const block = { ...Blocks[0], Height: Height + 1, Parents: Cids }
    this.#tipsets.push({ Cids: [link(chainCid(randomBytes(32)).toString())], Blocks: [block], Height: Height + 1 })
    if (this.#tipsets.length > KEPT) this.#tipsets.shift()
    for (const socket of this.#followers) tell(socket, 'apply', this.#head)
  }

  async #answer(socket: WebSocket, { id, method, params = [] }: { id?: number; method: string; params?: never[] }) {
    if (id === undefined) return
    const name = method.replace('Filecoin.', '')
    try {
      const script = SCRIPT[name]
      const result = script === undefined ? await this.#constant(name, params) : script.call(this, params)
      socket.send(JSON.stringify({ jsonrpc: '2.0', id, result }))
      if (name !== 'ChainNotify') return
      tell(socket, 'current', this.#head)
      this.#followers.add(socket)
    } catch (error) {
      socket.send(JSON.stringify({ jsonrpc: '2.0', id, error: { code: 1, message: (error as Error).message } }))
    }
  }

  /** The devnet does not know our tipsets: it is asked at its own head. */
  #constant(name: string, params: readonly unknown[]): Promise<unknown> {
    const there = params.map(param => (Array.isArray(param) ? null : param))
    const key = `${name} ${JSON.stringify(there)}`
    const known = this.#answers.get(key) ?? this.#devnet.call(`Filecoin.${name}`, there)
    this.#answers.set(key, known)
    return known
  }

  head(): TipSetJson {
    return this.#head
  }

  at(height: number): TipSetJson {
    const first = this.#tipsets[0]!
    return this.#tipsets[Math.min(Math.max(0, height - first.Height), this.#tipsets.length - 1)]!
  }

  withKey(key: readonly Link[]): TipSetJson {
    const found = this.#tipsets.findLast(({ Cids }) => Cids[0]!['/'] === key[0]?.['/'])
    if (found === undefined) throw new Error('tipset not found')
    return found
  }

  preCommitOf(sector: number): Json | null {
    const found = this.#preCommits.get(sector)
    if (found === undefined || found.height > this.#head.Height || this.provenOf(sector) !== null) return null
    return { Info: found.info, PreCommitDeposit: FIL, PreCommitEpoch: found.height }
  }

  provenOf(sector: number): Json | null {
    const found = this.#proven.get(sector)
    return found === undefined || found.height > this.#head.Height ? null : found.info
  }

  lookup(cid: Link): Json | null {
    const found = this.#messages.get(cid['/'])
    if (found === undefined || found.height > this.#head.Height) return null
    const returned = found.sectors === 0 ? null : BatchReturn.encode(batchReturn(new Array(found.sectors).fill(0)))
    return {
      Message: cid,
      Receipt: { ExitCode: 0, Return: returned && Buffer.from(returned).toString('base64'), GasUsed: 1_000_000 },
      TipSet: this.at(found.height).Cids,
      Height: found.height,
    }
  }

  push(sent: Json): Json {
    const message = { ...z.decode(Message, sent as never), Nonce: this.#nonce++ }
    const height = this.#head.Height + 1
    let sectors = 0
    if (message.Method === METHODS.miner.PreCommitSectorBatch2) {
      for (const { SealedCID, UnsealedCid: _, ...info } of PreCommitSectorBatch2Params.decode(message.Params).Sectors)
        this.#preCommits.set(info.SectorNumber, { height, info: { ...info, SealedCID: link(SealedCID.toString()) } })
    } else if (message.Method === METHODS.miner.ProveCommitSectors3) {
      for (const { SectorNumber } of ProveCommitSectors3Params.decode(message.Params).SectorActivations) {
        sectors += 1
        const { SealProof, SealedCID, Expiration } = this.#preCommits.get(SectorNumber)!.info
        const info = { SectorNumber, SealProof, SealedCID, Activation: height, Expiration }
        this.#proven.set(SectorNumber, { height, info })
      }
    } else throw new Error(`method ${message.Method} is not in the script`)
    // A signature of BLS: the message is known by the CID of its unsigned form.
    this.#messages.set(messageCid(message).toString(), { height, sectors })
    return { Message: z.encode(Message, message), Signature: { Type: 2, Data: Buffer.alloc(96).toString('base64') } }
  }
}

const tell = (socket: WebSocket, type: string, head: TipSetJson): void =>
  socket.send(
    JSON.stringify({ jsonrpc: '2.0', method: CHANNEL.value, params: [CHANNEL_ID, [{ Type: type, Val: head }]] }),
  )

const CHANNEL_ID = 1

const SCRIPT: Readonly<Record<string, (this: ScriptedChain, params: readonly never[]) => unknown>> = {
  ChainNotify: () => CHANNEL_ID,
  ChainHead() {
    return this.head()
  },
  ChainGetTipSetByHeight([height]) {
    return this.at(height!)
  },
  ChainGetTipSetAfterHeight([height]) {
    return this.at(height!)
  },
  ChainGetTipSet([key]) {
    return this.withKey(key!)
  },
  StateSectorPreCommitInfo([, sector]) {
    return this.preCommitOf(sector!)
  },
  StateSectorGetInfo([, sector]) {
    return this.provenOf(sector!)
  },
  StateMinerSectorAllocated([, sector]) {
    return this.preCommitOf(sector!) !== null
  },
  StateSearchMsg([, cid]) {
    return this.lookup(cid!)
  },
  MpoolPushMessage([message]) {
    return this.push(message!)
  },
  StateCall() {
    return {
      MsgCid: this.head().Cids[0],
      MsgRct: { ExitCode: 0, Return: null, GasUsed: 1_000_000 },
      GasCost: {},
      Error: '',
    }
  },
  GasEstimateGasLimit: () => 100_000_000,
  GasEstimateGasPremium: () => '100000',
  GasEstimateFeeCap: () => '1000000000',
  StateMinerPreCommitDepositForPower: () => FIL,
  StateMinerInitialPledgeForSector: () => FIL,
  StateMinerInitialPledgeCollateral: () => FIL,
  StateGetRandomnessFromBeacon: () => RANDOMNESS,
  StateGetRandomnessFromTickets: () => RANDOMNESS,
  StateGetRandomnessDigestFromBeacon: () => RANDOMNESS,
  StateGetRandomnessDigestFromTickets: () => RANDOMNESS,
}
