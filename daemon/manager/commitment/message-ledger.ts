import type { Knex } from 'knex'
import { METHODS } from '../../../rpc-schema/actors/actor-methods.js'
import { BatchReturn, batchExitCodes } from '../../../rpc-schema/actors/batch-return.js'
import { exitCodeText } from '../../../rpc-schema/actors/exit-codes.js'
import type { MessageReceipt } from '../../../rpc-schema/chain/receipt.js'
import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import type { Carried, CarrierName, Whereabouts } from './carrier.js'
import type { ChainMessage } from './chain-message.js'
import type { MessageKinds } from './message-effects.js'
import type { MessagePatch, MessageRepository } from './message-repository.js'

export interface MessageLedgerOptions {
  messages: MessageRepository
  kinds: MessageKinds
  /** Begins a transaction of the database. */
  transaction<T>(work: (trx: Knex.Transaction) => Promise<T>): Promise<T>
  clock: Clock
  log: Logger
}

export type Landing = Extract<Whereabouts, { kind: 'landed' }>

/** Writes down what became of messages, each time together with what that changes for the owner of their kind. */
export class MessageLedger {
  readonly #options: MessageLedgerOptions

  constructor(options: MessageLedgerOptions) {
    this.#options = options
  }

  /** `pushedEpoch`: height of the head. */
  async pushed(id: number, { cid, signed }: Carried, pushedEpoch: number, by?: CarrierName): Promise<void> {
    const { messages, kinds, log } = this.#options
    const message = (await messages.find(id))!
    const carrier = by ?? message.carrier
    await this.#write(message, { state: 'pushed', carrier, cid, signed, pushedEpoch, error: null }, (after, trx) =>
      kinds.of(message.kind).pushed?.(after, cid, trx),
    )
    log.info({ ...about(message), cid }, 'message sent')
  }

  async landed(message: ChainMessage, { height, receipt }: Landing): Promise<void> {
    if (message.state === 'landed' && message.height === height && message.receipt?.ExitCode === receipt.ExitCode)
      return
    const { kinds, log } = this.#options
    const sectorCodes = codesOf(message, receipt)
    await this.#write(message, { state: 'landed', height, receipt, sectorCodes, settled: false }, (after, trx) =>
      kinds.of(message.kind).landed?.(after, trx),
    )
    const outcome = { ...about(message), cid: message.cid, height }
    if (receipt.ExitCode === 0) log.info(outcome, 'message landed')
    else log.error(outcome, `message failed on the chain: ${exitCodeText(receipt.ExitCode)}`)
  }

  /** The outcome of a landed message counts as soon as it is deep enough. */
  async settleAt(message: ChainMessage, head: TipSet): Promise<void> {
    const { kinds } = this.#options
    const { state, settled, height, kind, miner } = message
    if (state !== 'landed' || settled || height === null) return
    if (head.Height - height < kinds.of(kind).confidence(miner)) return
    await this.#write(message, { settled: true }, (after, trx) => kinds.of(kind).settled?.(after, trx))
  }

  async reverted(message: ChainMessage, head: TipSet): Promise<void> {
    const { kinds, log } = this.#options
    log.warn({ ...about(message), height: message.height }, 'a landed message is off the chain again')
    await this.#write(
      message,
      { state: 'pushed', height: null, receipt: null, settled: false, pushedEpoch: head.Height },
      (after, trx) => kinds.of(message.kind).reverted?.(after, trx),
    )
  }

  async dropped(message: ChainMessage, error: string): Promise<void> {
    const { kinds, log } = this.#options
    log.error({ ...about(message), cid: message.cid }, `message is gone: ${error}`)
    await this.#write(message, { state: 'dropped', error }, (after, trx) =>
      kinds.of(message.kind).dropped?.(after, error, trx),
    )
  }

  /** The carrier turned out never to have had it. Answers false when somebody has said since `version` that it is about to have it. */
  async neverSent(message: ChainMessage, version: number): Promise<boolean> {
    const { messages, kinds, log } = this.#options
    const refusal = message.error
    const outcome = {
      state: refusal === null ? 'lost' : 'refused',
      error: refusal ?? 'the node does not have it',
    } as const
    if (!(await messages.giveUpIntent(message.id, version, outcome))) return false
    log.warn(about(message), `message was never sent, what it was for waits again: ${outcome.error}`)
    kinds.of(message.kind).available?.(message, refusal)
    return true
  }

  async #write(
    message: ChainMessage,
    patch: MessagePatch,
    effect: (after: ChainMessage, trx: Knex.Transaction) => Promise<void> | undefined,
  ): Promise<void> {
    const { messages, transaction, clock } = this.#options
    await transaction(async trx => {
      await messages.update(message.id, patch, clock.now(), trx)
      const { signed, ...known } = patch
      await effect({ ...message, ...known }, trx)
    })
  }
}

export const about = ({ id, kind, miner, sectors }: ChainMessage) => ({ message: id, kind, miner, sectors })

/** Exit codes of the single sectors, where the method returns them. */
function codesOf(message: ChainMessage, receipt: MessageReceipt): (number | null)[] {
  const unknown = message.sectors.map(() => null)
  if (receipt.ExitCode !== 0 || receipt.Return === null || !TELLS_SECTORS.has(message.method)) return unknown
  try {
    const codes = batchExitCodes(BatchReturn.decode(receipt.Return))
    return codes.length === message.sectors.length ? codes : unknown
  } catch {
    return unknown
  }
}

/** Methods that may do a part of their sectors, and return which. */
const TELLS_SECTORS: ReadonlySet<number> = new Set([
  METHODS.miner.ProveCommitSectors3,
  METHODS.miner.ProveReplicaUpdates3,
])
