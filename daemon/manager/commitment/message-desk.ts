import { randomUUID } from 'node:crypto'
import type { Knex } from 'knex'
import { METHODS } from '../../../rpc-schema/actors/actor-methods.js'
import { BatchReturn, batchExitCodes } from '../../../rpc-schema/actors/batch-return.js'
import { exitCodeText } from '../../../rpc-schema/actors/exit-codes.js'
import type { MessageReceipt } from '../../../rpc-schema/chain/receipt.js'
import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import { RPC_ERROR, RpcError } from '../../../rpc-schema/rpc/error.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { tipSetKeyText } from '../../../rpc-schema/wire/tipset-key.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import { CHAIN_FINALITY, type HeadTracker } from '../chain/head-tracker.js'
import { BackgroundLoop } from '../concurrency/background-loop.js'
import { KeyedLock } from '../concurrency/keyed-lock.js'
import type { Carried, CarrierName, Fees, MessageCarrier, Whereabouts } from './carrier.js'
import type { ChainMessage, MessageKind, NewMessage } from './chain-message.js'
import type { MessageRepository } from './message-repository.js'

/** A message to be sent for some sectors of a miner. */
export interface Outgoing {
  readonly kind: MessageKind
  readonly miner: number
  readonly sender: Address
  readonly method: number
  readonly params: Uint8Array
  /** attoFIL sent along. */
  readonly value: bigint
  readonly fees: Fees
  readonly sectors: readonly number[]
}

/** What the outcome of a message changes in the records of its sectors. Runs in the transaction that writes the outcome down. */
export interface MessageEffects {
  pushed(message: ChainMessage, cid: string, trx: Knex.Transaction): Promise<void>
  landed(message: ChainMessage, trx: Knex.Transaction): Promise<void>
  /** Its sectors are to be put into another message; `refusal` is why the node did not take this one, where it said so. */
  available(message: ChainMessage, refusal: string | null): void
}

export type SendOutcome =
  | { readonly result: 'pushed'; readonly cid: string }
  /** The node answered that it does not take the message. */
  | { readonly result: 'refused'; readonly error: Error }
  /** There was no answer, or one that does not exclude that the node has it; what became of it is found out in the background. */
  | { readonly result: 'undecided' }

export interface MessageDeskOptions {
  /** Every way a message may have been sent by. */
  carriers: readonly MessageCarrier[]
  /** The way that new messages take. */
  carrier: CarrierName
  heads: HeadTracker
  messages: MessageRepository
  effects: MessageEffects
  /** Begins a transaction of the database. */
  transaction<T>(work: (trx: Knex.Transaction) => Promise<T>): Promise<T>
  /** Epochs after which a message of this miner counts as landed. */
  confidence(miner: number): number
  /** The largest of them. */
  maxConfidence: number
  clock: Clock
  log: Logger
}

/** A message of which it is not known whether the node has it. */
interface Undecided {
  /** When that began, ms since the Unix epoch. */
  readonly since: number
  /** Height at which it was first looked for in vain. */
  firstLook?: number
  /** Up to this height the blocks of the present chain do not have it. */
  notUpTo?: number
}

/** Errors by which a node says that it did not even begin; any other one may come from something between us and a node that goes on. */
const NOT_BEGUN: ReadonlySet<number> = new Set([
  RPC_ERROR.invalidRequest,
  RPC_ERROR.methodNotFound,
  RPC_ERROR.invalidParams,
])
/** A push without an answer is given up after so many heads, and so much time, in which the node did not show it. */
const SETTLE = { heads: 3, ms: 2_000 } as const
/** A message that is neither executed nor pending for so many epochs is looked for in the pool, and given to the node again. */
const RESEND_AFTER_EPOCHS = 20
const LOOK_MS = 30_000
const MOST_REMEMBERED = 10_000

/**
 * Sends messages and follows them. Before the node hears of a message it is written down; whatever dies after that, the message is looked for at the
 * node before its sectors may go into another one. Afterwards every new head tells whether it has landed, or is no longer where it was.
 */
export class MessageDesk {
  readonly #options: MessageDeskOptions
  readonly #loop: BackgroundLoop
  readonly #locks = new KeyedLock()
  readonly #undecided = new Map<number, Undecided>()
  /** At which head a message was looked for last. */
  readonly #looked = new Map<number, string>()
  /** Landed messages from this height on must be looked for again. */
  #undoneFrom: number | undefined
  #reorgs = 0
  #unsubscribe = (): void => {}

  constructor(options: MessageDeskOptions) {
    this.#options = options
    const { log, clock } = options
    const step = (): Promise<void> => this.#step()
    this.#loop = new BackgroundLoop({ name: 'messages', log, clock, intervalMs: () => LOOK_MS, step })
  }

  async start(): Promise<void> {
    const { messages, heads, clock } = this.#options
    for (const { id } of await messages.inState('intended')) this.#undecided.set(id, { since: clock.now() })
    this.#undoneFrom = 0
    this.#unsubscribe = heads.subscribe(({ undoneFrom }) => {
      if (undoneFrom !== undefined) this.#noteUndone(undoneFrom)
      this.#loop.wake()
    })
    this.#loop.start()
  }

  async stop(): Promise<void> {
    this.#unsubscribe()
    await this.#loop.stop()
  }

  /**
   * Writes the intent down and gives the message to the node. `claim` runs in the transaction of the intent: it throws when a sector has changed
   * meanwhile, and then nothing is sent.
   */
  async send(outgoing: Outgoing, head: TipSet, claim: (trx: Knex.Transaction) => Promise<void>): Promise<SendOutcome> {
    const { messages, transaction, clock, carrier } = this.#options
    const { kind, miner, sender, method, params, value, sectors } = outgoing
    const intent: NewMessage = {
      kind,
      miner,
      uuid: randomUUID(),
      sender: sender.toString(),
      receiver: Address.fromId(miner).toString(),
      method,
      value,
      params,
      intentEpoch: head.Height,
      carrier,
      sectors,
    }
    const id = await transaction(async trx => {
      await claim(trx)
      return messages.insert(intent, clock.now(), trx)
    })
    return this.#locks.run(String(id), () => this.#push(id, outgoing, intent))
  }

  /** The message as the chain has it at the present head. Looks at most once a head. */
  async check(message: ChainMessage, head: TipSet): Promise<ChainMessage> {
    return (await this.#check(message.id, head)) ?? message
  }

  #check(id: number, head: TipSet): Promise<ChainMessage | undefined> {
    return this.#locks.run(String(id), async () => {
      const key = tipSetKeyText(head.Cids)
      const current = await this.#options.messages.find(id)
      if (current === undefined || this.#looked.get(id) === key) return current
      const checked =
        current.state === 'pushed' || current.state === 'landed' ? await this.#look(current, head) : current
      this.#looked.set(id, key)
      return checked
    })
  }

  async #push(id: number, { fees }: Outgoing, intent: NewMessage): Promise<SendOutcome> {
    const { log } = this.#options
    let carried: Carried
    try {
      carried = await this.#carrier(intent.carrier).push(intent, fees)
    } catch (error) {
      log.warn(
        { err: error, message: id, kind: intent.kind, sectors: intent.sectors },
        `push failed: ${errorText(error)}`,
      )
      return this.#withoutMessage(id, error)
    }
    await this.#recordPushed(id, carried)
    return { result: 'pushed', cid: carried.cid }
  }

  #carrier(name: CarrierName): MessageCarrier {
    const found = this.#options.carriers.find(carrier => carrier.name === name)
    if (found === undefined)
      throw new Error(
        `the message was sent by the ${name}, which is not configured any more: add it to follow the message`,
      )
    return found
  }

  /** Even a node that answers with an error may have taken the message before it failed, or take it still. */
  async #withoutMessage(id: number, error: unknown): Promise<SendOutcome> {
    const { messages, clock } = this.#options
    if (error instanceof RpcError && NOT_BEGUN.has(error.code)) {
      await messages.update(id, { state: 'refused', error: errorText(error) }, clock.now())
      return { result: 'refused', error }
    }
    this.#leaveUndecided(id)
    // Kept with the message, so that it is known after a restart, too.
    if (error instanceof RpcError) await messages.update(id, { error: errorText(error) }, clock.now())
    return { result: 'undecided' }
  }

  #leaveUndecided(id: number): void {
    this.#undecided.set(id, { since: this.#options.clock.now() })
    this.#loop.wake()
  }

  async #search(message: ChainMessage, head: TipSet): Promise<Carried | undefined> {
    const above = Math.max(message.intentEpoch, this.#undecided.get(message.id)?.notUpTo ?? 0)
    const contents = await this.#options.messages.contents(message.id)
    return this.#carrier(message.carrier).search({ ...message, ...contents }, above, head)
  }

  async #recordPushed(id: number, { cid, signed }: Carried, by?: CarrierName): Promise<void> {
    const { messages, transaction, effects, clock, heads, log } = this.#options
    const message = (await messages.find(id))!
    await transaction(async trx => {
      const pushedEpoch = heads.last?.Height ?? message.intentEpoch
      const carrier = by ?? message.carrier
      await messages.update(id, { state: 'pushed', carrier, cid, signed, pushedEpoch, error: null }, clock.now(), trx)
      await effects.pushed(message, cid, trx)
    })
    this.#undecided.delete(id)
    log.info({ message: id, kind: message.kind, miner: message.miner, sectors: message.sectors, cid }, 'message sent')
  }

  async #step(): Promise<void> {
    const { heads, messages, maxConfidence } = this.#options
    const head = await heads.fresh()
    const eachAlone = async (id: number, work: () => Promise<unknown>): Promise<boolean> => {
      try {
        await work()
        return true
      } catch (error) {
        this.#options.log.warn(
          { err: error, message: id },
          `what became of a message is not known: ${errorText(error)}`,
        )
        return false
      }
    }
    for (const id of [...this.#undecided.keys()]) await eachAlone(id, () => this.#settle(id, head))
    const undoneFrom = this.#undoneFrom
    const depthLooked = undoneFrom === undefined ? Math.min(maxConfidence + 1, CHAIN_FINALITY) : CHAIN_FINALITY
    this.#undoneFrom = undefined
    if (this.#looked.size > MOST_REMEMBERED) this.#looked.clear()
    let complete = false
    try {
      for (const message of await messages.inState('pushed'))
        await eachAlone(message.id, () => this.#check(message.id, head))
      complete = true
      for (const message of await messages.landedAbove(head.Height - depthLooked)) {
        const depth = head.Height - message.height!
        const shaken = undoneFrom !== undefined && message.height! >= undoneFrom
        if (!shaken && depth > this.#options.confidence(message.miner)) continue
        if (!(await eachAlone(message.id, () => this.#check(message.id, head))) && shaken) complete = false
      }
    } finally {
      if (!complete && undoneFrom !== undefined) this.#undoneFrom = Math.min(undoneFrom, this.#undoneFrom ?? undoneFrom)
    }
  }

  #noteUndone(height: number): void {
    this.#reorgs += 1
    this.#undoneFrom = Math.min(height, this.#undoneFrom ?? height)
    for (const waiting of this.#undecided.values()) {
      if (waiting.notUpTo !== undefined) waiting.notUpTo = Math.min(waiting.notUpTo, height - 1)
    }
  }

  /** Finds out what became of a push without an answer. */
  #settle(id: number, head: TipSet): Promise<void> {
    return this.#locks.run(String(id), async () => {
      const { messages, effects, clock, log } = this.#options
      const waiting = this.#undecided.get(id)
      const message = await messages.find(id)
      if (waiting === undefined || message?.state !== 'intended') return void this.#undecided.delete(id)
      const reorgs = this.#reorgs
      const found = await this.#search(message, head)
      if (found) return this.#recordPushed(id, found)
      if (reorgs !== this.#reorgs) return
      waiting.firstLook ??= head.Height
      waiting.notUpTo = head.Height
      if (head.Height < waiting.firstLook + SETTLE.heads || clock.now() < waiting.since + SETTLE.ms) return
      const refusal = message.error
      const outcome = {
        state: refusal === null ? 'lost' : 'refused',
        error: refusal ?? 'the node does not have it',
      } as const
      await messages.update(id, outcome, clock.now())
      this.#undecided.delete(id)
      log.warn(
        { message: id, kind: message.kind, sectors: message.sectors },
        `message was never sent, its sectors wait again: ${outcome.error}`,
      )
      effects.available(message, refusal)
    })
  }

  async #look(message: ChainMessage, head: TipSet): Promise<ChainMessage> {
    const { messages, clock, log } = this.#options
    const place = await this.#carrier(message.carrier).look(message, head)
    if (place.kind === 'landed') return this.#landed(message, place)
    if (place.kind === 'failed') await this.#drop(message, place.why)
    else if (message.state === 'landed') {
      log.warn(
        { message: message.id, sectors: message.sectors, height: message.height },
        'a landed message is off the chain again',
      )
      const pushedEpoch = head.Height
      await messages.update(message.id, { state: 'pushed', height: null, receipt: null, pushedEpoch }, clock.now())
    } else if (head.Height - (message.pushedEpoch ?? message.intentEpoch) >= RESEND_AFTER_EPOCHS) {
      await this.#remind(message, head)
    }
    return (await messages.find(message.id))!
  }

  async #landed(message: ChainMessage, { height, receipt }: Landing): Promise<ChainMessage> {
    const { messages, transaction, effects, clock, log } = this.#options
    if (message.state === 'landed' && message.height === height && message.receipt?.ExitCode === receipt.ExitCode)
      return message
    const sectorCodes = codesOf(message, receipt)
    await transaction(async trx => {
      await messages.update(message.id, { state: 'landed', height, receipt, sectorCodes }, clock.now(), trx)
      await effects.landed({ ...message, state: 'landed', height, receipt, sectorCodes }, trx)
    })
    const outcome = { message: message.id, kind: message.kind, sectors: message.sectors, cid: message.cid, height }
    if (receipt.ExitCode === 0) log.info(outcome, 'message landed')
    else log.error(outcome, `message failed on the chain: ${exitCodeText(receipt.ExitCode)}`)
    return (await messages.find(message.id))!
  }

  async #drop(message: ChainMessage, error: string): Promise<void> {
    const { messages, clock, log } = this.#options
    log.error({ message: message.id, kind: message.kind, cid: message.cid }, `message is gone: ${error}`)
    await messages.update(message.id, { state: 'dropped', error }, clock.now())
  }

  /** The carrier seems to have forgotten a message. */
  async #remind(message: ChainMessage, head: TipSet): Promise<void> {
    const { messages, clock, log } = this.#options
    const contents = await messages.contents(message.id)
    const answer = await this.#carrier(message.carrier).remind({ ...message, ...contents }, head)
    const of = { message: message.id, cid: message.cid }
    switch (answer.kind) {
      case 'gone':
        return this.#drop(message, answer.why)
      case 'found':
        return this.#recordPushed(message.id, answer.as, answer.by)
      case 'again':
        log.warn(of, 'the node had forgotten a message, it was sent again')
        break
      case 'refused':
        log.error(of, `the node does not take a message again, it is asked later: ${answer.why}`)
        break
      case 'known':
        break
    }
    await messages.update(message.id, { pushedEpoch: head.Height }, clock.now())
  }
}

type Landing = Extract<Whereabouts, { kind: 'landed' }>

/** Exit codes of the single sectors, where the method returns them. */
function codesOf(message: ChainMessage, receipt: MessageReceipt): (number | null)[] {
  const unknown = message.sectors.map(() => null)
  if (receipt.ExitCode !== 0 || receipt.Return === null || message.method !== METHODS.miner.ProveCommitSectors3)
    return unknown
  try {
    const codes = batchExitCodes(BatchReturn.decode(receipt.Return))
    return codes.length === message.sectors.length ? codes : unknown
  } catch {
    return unknown
  }
}
