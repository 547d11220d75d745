import type { Knex } from 'knex'
import type { ChainMessage, MessageKind } from './chain-message.js'

/**
 * What the room that owns a kind of message does when something becomes of one. What takes a transaction runs in the one that writes the outcome
 * down, so that both happen or neither; it must not wait for anything outside the database, and may be run again when the database asks for it.
 */
export interface MessageEffects {
  /** Epochs after which a landed message of a miner (0: of none) counts. */
  confidence(miner: number): number
  /** Its carrier has it, under `cid`; again, when it is found under another one. */
  pushed?(message: ChainMessage, cid: string, trx: Knex.Transaction): Promise<void>
  /** Executed, with whatever exit code; a reorg may take it back, or let it land elsewhere. */
  landed?(message: ChainMessage, trx: Knex.Transaction): Promise<void>
  /** A reorg has taken it back. It waits to land again. */
  reverted?(message: ChainMessage, trx: Knex.Transaction): Promise<void>
  /** Landed, and as deep as the confidence demands: now its outcome counts. */
  settled?(message: ChainMessage, trx: Knex.Transaction): Promise<void>
  /** Its carrier had it and gave it up: it will not land. */
  dropped?(message: ChainMessage, why: string, trx: Knex.Transaction): Promise<void>
  /**
   * After a time of doubt it is clear that the carrier never took it: what it was for can be put into another message. `refusal` is the carrier's
   * reason, where it gave one.
   */
  available?(message: ChainMessage, refusal: string | null): void
}

/** Epochs, where nothing else is configured. */
export const DEFAULT_CONFIDENCE = 10

/** Who owns which kind of message. Every kind is registered before the desk starts. */
export class MessageKinds {
  readonly #effects = new Map<MessageKind, MessageEffects>()

  register(kind: MessageKind, effects: MessageEffects): void {
    if (this.#effects.has(kind)) throw new Error(`messages of kind ${kind} have an owner already`)
    this.#effects.set(kind, effects)
  }

  /** Of a kind that nobody owns in this daemon the messages are followed all the same. */
  of(kind: MessageKind): MessageEffects {
    return this.#effects.get(kind) ?? NOBODY
  }
}

const NOBODY: MessageEffects = { confidence: () => DEFAULT_CONFIDENCE }
