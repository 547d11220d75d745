import { createHash } from 'node:crypto'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import type { Clock } from '../../../../daemon/kit/clock.js'
import type { ChainNode } from '../../../../daemon/manager/chain/chain-node.js'
import type { HeadMove, HeadTracker } from '../../../../daemon/manager/chain/head-tracker.js'
import { Randomness } from '../../../../daemon/manager/chain/randomness.js'
import type { Carried, MessageCarrier, Reminder, Whereabouts } from '../../../../daemon/manager/commitment/carrier.js'
import type { ChainMessage, NewMessage } from '../../../../daemon/manager/commitment/chain-message.js'
import { METHODS } from '../../../../rpc-schema/actors/actor-methods.js'
import { SubmitWindowedPoStParams } from '../../../../rpc-schema/actors/miner-post.js'
import type { TipSet } from '../../../../rpc-schema/chain/tipset.js'
import { Address } from '../../../../rpc-schema/wire/address.js'
import { Bitfield } from '../../../../rpc-schema/wire/bitfield.js'
import { bytesEqual, toHex } from '../../../../rpc-schema/wire/bytes.js'
import { address } from '../../../../rpc-schema/wire/cbor.js'
import { commRToCid } from '../../../../rpc-schema/wire/cid.js'
import {
  type DeadlineConstants,
  type DeadlineInfo,
  newDeadlineInfo,
  nextNotElapsed,
} from '../../../../rpc-schema/wire/deadline.js'
import { stubNode } from '../commitment/stub-chain.js'

export const EPOCH_MS = 30_000
const COMM_R = commRToCid(new Uint8Array(32).fill(7))

const hash = (text: string): Uint8Array => new Uint8Array(createHash('sha256').update(text).digest())
const cidOf = (text: string): CID => CID.createV1(0x71, Digest.create(0x12, hash(text)))

interface SimulatedTipSet {
  readonly height: number
  readonly key: string
  readonly messages: readonly PooledMessage[]
}

interface PooledMessage {
  readonly uuid: string
  readonly cid: string
  readonly miner: number
  readonly params: Uint8Array
  readonly method: number
}

interface Landing {
  readonly height: number
  readonly exitCode: number
}

export interface SimulatedMiner {
  readonly id: number
  /** First epoch of its proving periods, below their length. */
  readonly offset: number
  /** Partitions of each deadline. */
  readonly partitions: number
  /** Sectors of each partition. */
  readonly sectors: number
}

/** So many blocks back a message is found: a manager that is started again looks for those of the last 900 epochs, which may be undone. */
const SEARCHED_TIPSETS = 1_000

/** A chain of epochs, forks and windows, with nothing behind it: what a poster sees, made as fast as the test can turn it. */
export class SimulatedChain {
  readonly miners: readonly SimulatedMiner[]
  readonly #constants: DeadlineConstants
  #tipsets: SimulatedTipSet[]
  #pool: PooledMessage[] = []
  #forks = 0
  readonly #moved = new Set<(move: HeadMove) => void>()
  /** What the manager has been told of; the chain may be further. */
  #told: TipSet
  #time: number
  readonly #sleepers = new Set<{ readonly until: number; readonly wake: () => void }>()
  /** Rises with everything that anybody asks of the chain or its clock: when it stands still, nothing goes on. */
  activity = 0
  /** The node does not answer. */
  isAway = false
  /** The next pushes get no answer; every other one of them arrives all the same. */
  silentPushes = 0
  /** Faulty and recovering sectors are none; this many pushes arrived. */
  pushed = 0
  /** Partitions that were proven twice, or with a wrong challenge. */
  readonly wrong: string[] = []

  constructor(miners: readonly SimulatedMiner[], constants: DeadlineConstants, height: number) {
    this.miners = miners
    this.#constants = constants
    this.#tipsets = [{ height, key: 'genesis', messages: [] }]
    this.#told = this.#tipSet(this.#head)
    this.#time = height * EPOCH_MS
  }

  get height(): number {
    return this.#head.height
  }

  get #head(): SimulatedTipSet {
    return this.#tipsets.at(-1)!
  }

  /** One more block, so many epochs above the last. */
  produce(epochs = 1): void {
    const height = this.#head.height + epochs
    const messages = this.#pool
    this.#pool = []
    this.#tipsets.push({ height, key: `${height}/${this.#forks}`, messages })
    this.pass(height)
    if (this.#tipsets.length > 4_000) this.#tipsets.splice(0, 2_000)
  }

  /** It is as late as this epoch, with a block or without. */
  pass(epoch: number): void {
    this.#time = Math.max(this.#time, epoch * EPOCH_MS)
    for (const sleeper of [...this.#sleepers]) if (sleeper.until <= this.#time) sleeper.wake()
  }

  /** Takes so many blocks back and makes as many others; what was in them is in the pool again. */
  reorg(depth: number): number {
    const gone = this.#tipsets.splice(-Math.min(depth, this.#tipsets.length - 1))
    this.#forks += 1
    this.#pool = [...gone.flatMap(({ messages }) => messages), ...this.#pool]
    for (const { height } of gone) this.produce(height - this.#head.height)
    return gone[0]!.height
  }

  /** Tells the manager of the head. */
  tell(undoneFrom?: number): void {
    const before = this.#told
    this.#told = this.#tipSet(this.#head)
    for (const listener of this.#moved) listener({ head: this.#told, undoneFrom, before })
  }

  /** Partitions of a window that the chain has now. */
  proven(miner: number, open: number): Set<number> {
    const found = new Set<number>()
    for (let at = this.#tipsets.length - 1; at >= 0 && this.#tipsets[at]!.height >= open; at--) {
      const { messages, height } = this.#tipsets[at]!
      if (height > open + this.#constants.WPoStChallengeWindow) continue
      for (const message of messages)
        if (message.miner === miner && this.#execute(message, at, false) === 0)
          for (const { Index } of SubmitWindowedPoStParams.decode(message.params).Partitions) found.add(Index)
    }
    return found
  }

  deadlineAt(miner: SimulatedMiner, height: number): DeadlineInfo {
    const { WPoStProvingPeriod: period, WPoStChallengeWindow: window } = this.#constants
    const start = height - ((((height - miner.offset) % period) + period) % period)
    return nextNotElapsed(newDeadlineInfo(start, Math.floor((height - start) / window), height, this.#constants))
  }

  /** Time goes on with the epochs, whether the node tells of them or not. */
  readonly clock: Clock = {
    now: () => this.#time,
    monotonic: () => this.#time,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const leave = (): void => {
          this.#sleepers.delete(sleeper)
          signal?.removeEventListener('abort', stop)
        }
        const stop = (): void => {
          leave()
          reject(signal!.reason as Error)
        }
        const wake = (): void => {
          leave()
          this.activity += 1
          resolve()
        }
        const sleeper = { until: this.#time + ms, wake }
        if (signal?.aborted) return stop()
        this.#sleepers.add(sleeper)
        signal?.addEventListener('abort', stop, { once: true })
      }),
  }

  readonly heads: HeadTracker = {
    fresh: async () => {
      this.#answer()
      return this.#told
    },
    last: undefined,
    subscribe: (listener: (move: HeadMove) => void) => {
      this.#moved.add(listener)
      return () => this.#moved.delete(listener)
    },
    epochMs: () => EPOCH_MS,
  } as never

  readonly node: ChainNode = stubNode({
    StateMinerProvingDeadline: async miner => {
      this.#answer()
      return this.deadlineAt(this.#miner(miner), this.#told.Height)
    },
    StateMinerPartitions: async miner => {
      this.#answer()
      const { partitions, sectors } = this.#miner(miner)
      return Array.from({ length: partitions }, (_, index) => {
        const all = Bitfield.range(index * sectors, sectors)
        const none = Bitfield.EMPTY
        return { AllSectors: all, LiveSectors: all, ActiveSectors: all, FaultySectors: none, RecoveringSectors: none }
      })
    },
    StateMinerDeadlines: async miner => {
      this.#answer()
      const { id } = this.#miner(miner)
      const present = this.deadlineAt(this.#miner(miner), this.#told.Height)
      return Array.from({ length: present.WPoStPeriodDeadlines }, (_, index) => ({
        PostSubmissions: index === present.Index ? Bitfield.of(this.proven(id, present.Open)) : Bitfield.EMPTY,
        DisputableProofCount: 0,
        DailyFee: 0n,
      }))
    },
    StateMinerSectors: async (_, filter) => {
      this.#answer()
      return filter!
        .toArray()
        .map(SectorNumber => ({ SectorNumber, SealProof: 5, SealedCID: COMM_R, SectorKeyCID: null }) as never)
    },
    StateGetRandomnessFromBeacon: async (_, epoch, entropy) => {
      this.#answer()
      return this.#randomness('beacon', epoch, entropy)
    },
    StateGetRandomnessFromTickets: async (_, epoch) => {
      this.#answer()
      return this.#randomness('ticket', epoch, null)
    },
  })

  readonly randomness = new Randomness(this.node, this.heads)

  readonly carrier: MessageCarrier = {
    name: 'mempool',
    push: async (intent: NewMessage): Promise<Carried> => {
      this.#answer()
      const message = {
        uuid: intent.uuid,
        cid: cidOf(intent.uuid).toString(),
        miner: Number(intent.receiver.slice(2)),
        params: intent.params,
        method: intent.method,
      }
      if (this.silentPushes > 0) {
        this.silentPushes -= 1
        if (this.silentPushes % 2 === 0) this.#take(message)
        throw new Error('no answer')
      }
      this.#take(message)
      return { cid: message.cid, signed: null }
    },
    search: async (message: ChainMessage): Promise<Carried | undefined> => {
      this.#answer()
      const all = [...this.#pool, ...this.#tipsets.flatMap(({ messages }) => messages)]
      const found = all.find(({ uuid }) => uuid === message.uuid)
      return found && { cid: found.cid, signed: null }
    },
    look: async (message: ChainMessage): Promise<Whereabouts> => {
      this.#answer()
      const landing = this.#landing(message.cid!)
      if (landing === undefined) return { kind: 'waiting' }
      const receipt = { ExitCode: landing.exitCode, Return: null, GasUsed: 1, EventsRoot: null }
      return { kind: 'landed', height: landing.height, receipt }
    },
    remind: async (): Promise<Reminder> => ({ kind: 'known' }),
  }

  #take(message: PooledMessage): void {
    this.pushed += 1
    this.#pool.push(message)
  }

  #answer(): void {
    this.activity += 1
    if (this.isAway) throw new Error('the node does not answer')
  }

  #miner(address: Address): SimulatedMiner {
    return this.miners.find(({ id }) => id === address.id)!
  }

  #tipSet({ height, key }: SimulatedTipSet): TipSet {
    const tipset: TipSet = { Cids: [cidOf(key)], Blocks: [], Height: height }
    ;(this.heads as { last: TipSet }).last = tipset
    return tipset
  }

  #randomness(tag: string, epoch: number, entropy: Uint8Array | null, upTo = this.#tipsets.length): Uint8Array {
    const at = this.#tipsets.findLastIndex(({ height }, index) => index < upTo && height <= epoch)
    const { key } = this.#tipsets[Math.max(0, at)]!
    return hash(`${tag}/${epoch}/${key}/${entropy === null ? '' : toHex(entropy)}`)
  }

  #landing(cid: string): Landing | undefined {
    // Messages of the last block are run with the next one.
    for (let at = this.#tipsets.length - 2; at >= Math.max(0, this.#tipsets.length - SEARCHED_TIPSETS); at--) {
      const message = this.#tipsets[at]!.messages.find(one => one.cid === cid)
      if (message) return { height: this.#tipsets[at + 1]!.height, exitCode: this.#execute(message, at, true) }
    }
    return undefined
  }

  /** As the actor does: 0, or 16. */
  #execute(message: PooledMessage, at: number, tells: boolean): number {
    if (message.method !== METHODS.miner.SubmitWindowedPoSt) return 0
    const { height } = this.#tipsets[at]!
    const miner = this.miners.find(({ id }) => id === message.miner)!
    const deadline = this.deadlineAt(miner, height)
    const { Deadline, Partitions, Proofs, ChainCommitEpoch, ChainCommitRand } = SubmitWindowedPoStParams.decode(
      message.params,
    )
    if (Deadline !== deadline.Index || ChainCommitEpoch < deadline.Challenge || ChainCommitEpoch >= height) return 16
    if (!bytesEqual(this.#randomness('ticket', ChainCommitEpoch, null, at), ChainCommitRand)) return 16
    const own = new Set(Partitions.map(({ Index }) => Index))
    let first = at
    while (first > 0 && this.#tipsets[first - 1]!.height >= deadline.Open) first -= 1
    const again = this.#tipsets.slice(first, at).some(({ messages }, index) =>
      messages
        .filter(other => other.miner === message.miner && other.cid !== message.cid)
        .filter(other => SubmitWindowedPoStParams.decode(other.params).Partitions.some(({ Index }) => own.has(Index)))
        .some(other => this.#execute(other, first + index, false) === 0),
    )
    const challenge = this.#randomness('beacon', deadline.Challenge, entropyOf(miner.id), at)
    const isRight = Proofs.every(({ ProofBytes }) => bytesEqual(ProofBytes.subarray(0, 32), challenge))
    if (tells && !isRight) this.wrong.push(`wrong challenge: miner ${miner.id}, window ${deadline.Open}`)
    if (tells && again) this.wrong.push(`proven twice: miner ${miner.id}, window ${deadline.Open}`)
    return again || !isRight ? 16 : 0
  }
}

const entropyOf = (miner: number): Uint8Array => address.encode(Address.fromId(miner))
