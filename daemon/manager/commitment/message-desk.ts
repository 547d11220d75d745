import { randomUUID } from 'node:crypto'
import type { Knex } from 'knex'
import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import { RPC_ERROR, RpcError } from '../../../rpc-schema/rpc/error.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { tipSetKeyText } from '../../../rpc-schema/wire/tipset-key.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import type { Alarms } from '../alarms/alarms.js'
import { CHAIN_FINALITY, type HeadTracker } from '../chain/head-tracker.js'
import { BackgroundLoop } from '../concurrency/background-loop.js'
import { KeyedLock } from '../concurrency/keyed-lock.js'
import {
  type Carried,
  type CarrierName,
  type Fees,
  type HigherFees,
  type MessageCarrier,
  TakenOver,
} from './carrier.js'
import type { ChainMessage, MessageKind, NewMessage } from './chain-message.js'
import { type MessageEffects, MessageKinds } from './message-effects.js'
import { MessageLedger } from './message-ledger.js'
import type { MessageRepository } from './message-repository.js'
import { UndecidedPushes } from './undecided-pushes.js'

/** A message to be sent. */
export interface Outgoing {
  readonly kind: MessageKind
  /** The miner that it concerns; 0 when it concerns none, and then there is a receiver. */
  readonly miner: number
  /** Default: the miner. */
  readonly receiver?: Address
  readonly sender: Address
  readonly method: number
  readonly params: Uint8Array
  /** attoFIL sent along. */
  readonly value: bigint
  readonly fees: Fees
  /** Numbers of the sectors that it is for, in the order of its parameters. */
  readonly sectors: readonly number[]
  /** A message with the same key (at most 36 characters) is sent once, whoever asks for it how often. Default: a new one. */
  readonly uuid?: string
}

export type SendOutcome =
  | { readonly result: 'pushed'; readonly id: number; readonly cid: string }
  /** The node answered that it does not take the message. */
  | { readonly result: 'refused'; readonly id: number; readonly error: Error }
  /** There was no answer, or one that does not exclude that the node has it; what became of it is found out in the background. */
  | { readonly result: 'undecided'; readonly id: number }
  /** A message was meant to be sent under this key before. */
  | { readonly result: 'known'; readonly id: number; readonly message: ChainMessage }

export interface MessageDeskOptions {
  /** Every way a message may have been sent by. */
  carriers: readonly MessageCarrier[]
  /** The way that new messages take. */
  carrier: CarrierName
  heads: HeadTracker
  messages: MessageRepository
  /** Begins a transaction of the database. */
  transaction<T>(work: (trx: Knex.Transaction) => Promise<T>): Promise<T>
  /** Other managers may use the same database. */
  shared?: boolean
  alarms: Alarms
  clock: Clock
  log: Logger
}

/** Errors by which a node says that it did not even begin; any other one may come from something between us and a node that goes on. */
const NOT_BEGUN: ReadonlySet<number> = new Set([
  RPC_ERROR.invalidRequest,
  RPC_ERROR.methodNotFound,
  RPC_ERROR.invalidParams,
])
/** A message that is neither executed nor pending for so many epochs is looked for in the pool, and given to the node again. */
const RESEND_AFTER_EPOCHS = 20
const LOOK_MS = 30_000
const MOST_REMEMBERED = 10_000

/**
 * Sends messages and follows them. Before the node hears of a message it is written down; whatever dies after that, the message is looked for at the
 * node before what it is for may go into another one. Afterwards every new head tells whether it has landed, is deep enough to count, or is no
 * longer where it was. What that means is up to the owner of its kind, who registers here before the start.
 */
export class MessageDesk {
  readonly #options: MessageDeskOptions
  readonly #kinds = new MessageKinds()
  readonly #ledger: MessageLedger
  readonly #loop: BackgroundLoop
  readonly #locks = new KeyedLock()
  readonly #undecided: UndecidedPushes
  /** Messages that this process is just giving to a node. */
  readonly #pushing = new Set<number>()
  /** At which head a message was looked for last. */
  readonly #looked = new Map<number, string>()
  /** Landed messages from this height on must be looked for again. */
  #undoneFrom: number | undefined
  #unsubscribe = (): void => {}

  constructor(options: MessageDeskOptions) {
    this.#options = options
    this.#ledger = new MessageLedger({ ...options, kinds: this.#kinds })
    this.#undecided = new UndecidedPushes(options.clock)
    const { log, clock } = options
    const step = (): Promise<void> => this.#step()
    this.#loop = new BackgroundLoop({ name: 'messages', log, clock, intervalMs: () => LOOK_MS, step })
  }

  /** Makes a room the owner of a kind of message. */
  register(kind: MessageKind, effects: MessageEffects): void {
    this.#kinds.register(kind, effects)
  }

  async start(): Promise<void> {
    const { messages, heads } = this.#options
    for (const { id } of await messages.inState('intended')) this.#undecided.add(id, this.#options.shared)
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
   * Writes the intent down and gives the message to the node. `claim` runs in the transaction of the intent: it throws when something has changed
   * meanwhile, and then nothing is sent.
   */
  async send(
    outgoing: Outgoing,
    head: TipSet,
    claim: (trx: Knex.Transaction) => Promise<void> = async () => {},
  ): Promise<SendOutcome> {
    const { messages, transaction, clock, carrier } = this.#options
    const { kind, miner, receiver, sender, method, params, value, sectors, uuid } = outgoing
    const intent: NewMessage = {
      kind,
      miner,
      uuid: uuid ?? randomUUID(),
      sender: sender.toString(),
      receiver: (receiver ?? Address.fromId(miner)).toString(),
      method,
      value,
      params,
      intentEpoch: head.Height,
      carrier,
      sectors,
    }
    const written = await transaction(async trx => {
      const message = uuid === undefined ? undefined : await messages.withUuid(uuid, trx)
      if (message !== undefined) return message
      await claim(trx)
      return messages.insert(intent, clock.now(), trx)
    })
    if (typeof written !== 'number') return { result: 'known', id: written.id, message: written }
    this.#pushing.add(written)
    return this.#locks
      .run(String(written), () => this.#push(written, outgoing, intent))
      .finally(() => this.#pushing.delete(written))
  }

  /** The message as the chain has it at the present head. Looks at most once a head. */
  async check(message: ChainMessage, head: TipSet): Promise<ChainMessage> {
    // Workers ask about one message of many sectors again and again: what was found at this head is in the record that they have just read.
    if (this.#looked.get(message.id) === tipSetKeyText(head.Cids)) return message
    return (await this.#check(message.id, head)) ?? message
  }

  /** Makes a message that waits dearer, so that it lands sooner. Answers whether it did. */
  raise(id: number, fees: HigherFees, head: TipSet): Promise<boolean> {
    return this.#locks.run(String(id), async () => {
      const { messages } = this.#options
      const message = await messages.find(id)
      if (message?.state !== 'pushed') return false
      const contents = await messages.contents(id)
      const carried = await this.#carrier(message.carrier).raise?.({ ...message, ...contents }, fees, head)
      // A crash before this is written down does no harm: the chain finds either of the two under the CID of the other.
      if (carried !== undefined) await this.#recordPushed(id, carried, message.intentEpoch)
      return carried !== undefined
    })
  }

  #check(id: number, head: TipSet): Promise<ChainMessage | undefined> {
    return this.#locks.run(String(id), async () => {
      const { messages } = this.#options
      const key = tipSetKeyText(head.Cids)
      let current = await messages.find(id)
      if (current === undefined || this.#looked.get(id) === key) return current
      if (current.state === 'pushed' || current.state === 'landed') {
        if (!isFinal(current, head)) await this.#look(current, head)
        await this.#ledger.settleAt((await messages.find(id))!, head)
        current = await messages.find(id)
      }
      this.#looked.set(id, key)
      return current
    })
  }

  async #push(id: number, { fees }: Outgoing, intent: NewMessage): Promise<SendOutcome> {
    const { log, messages } = this.#options
    // What became of this process meanwhile, it cannot know: stopped for minutes it would send what another manager has sent instead.
    const confirm = async (): Promise<void> => {
      if (!(await messages.confirmIntent(id))) throw new TakenOver()
    }
    let carried: Carried
    try {
      carried = await this.#carrier(intent.carrier).push(intent, fees, confirm)
    } catch (error) {
      const of = { message: id, kind: intent.kind, sectors: intent.sectors }
      log.warn({ err: error, ...of }, `push failed: ${errorText(error)}`)
      if (error instanceof TakenOver) return { result: 'undecided', id }
      return this.#withoutMessage(id, error)
    }
    await this.#recordPushed(id, carried, intent.intentEpoch)
    return { result: 'pushed', id, cid: carried.cid }
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
      return { result: 'refused', id, error }
    }
    this.#undecided.add(id)
    this.#loop.wake()
    // Kept with the message, so that it is known after a restart, too.
    if (error instanceof RpcError) await messages.update(id, { error: errorText(error) }, clock.now())
    return { result: 'undecided', id }
  }

  async #recordPushed(id: number, carried: Carried, intentEpoch: number, by?: CarrierName): Promise<void> {
    await this.#ledger.pushed(id, carried, this.#options.heads.last?.Height ?? intentEpoch, by)
    this.#undecided.remove(id)
  }

  async #step(): Promise<void> {
    const { heads, messages } = this.#options
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
    if (this.#options.shared) await this.#adoptForeign()
    for (const id of this.#undecided.ids()) await eachAlone(id, () => this.#settle(id, head))
    const undoneFrom = this.#undoneFrom
    this.#undoneFrom = undefined
    if (this.#looked.size > MOST_REMEMBERED) this.#looked.clear()
    let complete = false
    try {
      for (const { id } of [...(await messages.inState('pushed')), ...(await messages.unsettled())])
        await eachAlone(id, () => this.#check(id, head))
      complete = true
      if (undoneFrom === undefined) return
      for (const { id } of await messages.landedAbove(Math.max(head.Height - CHAIN_FINALITY, undoneFrom - 1)))
        if (!(await eachAlone(id, () => this.#check(id, head)))) complete = false
    } finally {
      if (!complete && undoneFrom !== undefined) this.#undoneFrom = Math.min(undoneFrom, this.#undoneFrom ?? undoneFrom)
    }
  }

  #noteUndone(height: number): void {
    this.#undoneFrom = Math.min(height, this.#undoneFrom ?? height)
    this.#undecided.noteUndone(height)
  }

  /** Intents of managers that may have died since; those that live say so before they send. */
  async #adoptForeign(): Promise<void> {
    for (const { id } of await this.#options.messages.inState('intended'))
      if (!this.#pushing.has(id) && !this.#undecided.has(id)) this.#undecided.add(id, true)
  }

  /** Finds out what became of a push without an answer. */
  #settle(id: number, head: TipSet): Promise<void> {
    return this.#locks.run(String(id), async () => {
      const { messages } = this.#options
      const version = await messages.intentVersion(id)
      const message = await messages.find(id)
      if (!this.#undecided.has(id) || message?.state !== 'intended' || version === undefined)
        return this.#undecided.remove(id)
      this.#undecided.noteVersion(id, version)
      const found = await this.#undecided.search(id, head, () => this.#search(message, head))
      if (found === undefined) return
      if (found !== 'given up') return this.#recordPushed(id, found, message.intentEpoch)
      if (await this.#ledger.neverSent(message, version)) this.#undecided.remove(id)
    })
  }

  async #search(message: ChainMessage, head: TipSet): Promise<Carried | undefined> {
    const above = Math.max(message.intentEpoch, this.#undecided.notUpTo(message.id))
    const contents = await this.#options.messages.contents(message.id)
    return this.#carrier(message.carrier).search({ ...message, ...contents }, above, head)
  }

  async #look(message: ChainMessage, head: TipSet): Promise<void> {
    const place = await this.#carrier(message.carrier).look(message, head)
    if (place.kind === 'landed' || place.kind === 'failed') this.#options.alarms.clear('stuck', subjectOf(message))
    if (place.kind === 'landed') return this.#ledger.landed(message, place)
    if (place.kind === 'failed') return this.#ledger.dropped(message, place.why)
    if (message.state === 'landed') return this.#ledger.reverted(message, head)
    if (head.Height - (message.pushedEpoch ?? message.intentEpoch) >= RESEND_AFTER_EPOCHS)
      await this.#remind(message, head)
  }

  /** The carrier seems to have forgotten a message. */
  async #remind(message: ChainMessage, head: TipSet): Promise<void> {
    const { messages, alarms, clock, log } = this.#options
    const contents = await messages.contents(message.id)
    const answer = await this.#carrier(message.carrier).remind({ ...message, ...contents }, head)
    const of = { message: message.id, cid: message.cid }
    const stuck = (why: string): void => {
      log.error(of, why)
      alarms.raise('stuck', subjectOf(message), why)
    }
    switch (answer.kind) {
      case 'gone':
        alarms.clear('stuck', subjectOf(message))
        return this.#ledger.dropped(message, answer.why)
      case 'found':
        // Followed under another CID from now on.
        alarms.clear('stuck', subjectOf(message))
        return this.#recordPushed(message.id, answer.as, message.intentEpoch, answer.by)
      case 'again':
        alarms.clear('stuck', subjectOf(message))
        log.warn(of, 'the node had forgotten a message, it was sent again')
        break
      case 'refused':
        stuck(`the node does not take a message again, it is asked later: ${answer.why}`)
        break
      case 'known':
        if (answer.problem !== undefined) stuck(`a message does not land: ${answer.problem}`)
        break
    }
    await messages.update(message.id, { pushedEpoch: head.Height }, clock.now())
  }
}

/** Of an alarm. */
const subjectOf = ({ cid, id }: ChainMessage): string => cid ?? `message ${id}`

/** So deep that no reorg reaches it; nodes may have dropped what is so old. */
const isFinal = ({ state, height }: ChainMessage, head: TipSet): boolean =>
  state === 'landed' && height !== null && head.Height - height > CHAIN_FINALITY
