import type { CID } from 'multiformats/cid'
import type { SignedMessage } from '../../../rpc-schema/wire/message.js'
import type { IncludedMessage } from '../chain/tipset.js'
import { actors, resolveId } from '../state/records.js'
import type { StateView } from '../state/state-tree.js'

/** Gas of all messages of a block. */
const BLOCK_GAS_LIMIT = 10_000_000_000

export interface PooledMessage {
  readonly cid: CID
  readonly signed: SignedMessage
  /** Key address of the sender. */
  readonly sender: string
}

/** Messages that wait for a block, by sender and nonce. */
export class MessagePool {
  readonly #senders = new Map<string, Map<number, PooledMessage>>()

  get size(): number {
    let size = 0
    for (const waiting of this.#senders.values()) size += waiting.size
    return size
  }

  /** Takes the place of a message with the same nonce. */
  add(message: PooledMessage): void {
    const waiting = this.#senders.get(message.sender) ?? new Map<number, PooledMessage>()
    waiting.set(message.signed.Message.Nonce, message)
    this.#senders.set(message.sender, waiting)
  }

  get(sender: string, nonce: number): PooledMessage | undefined {
    return this.#senders.get(sender)?.get(nonce)
  }

  delete(sender: string, nonce: number): void {
    const waiting = this.#senders.get(sender)
    waiting?.delete(nonce)
    if (waiting?.size === 0) this.#senders.delete(sender)
  }

  /** A sender's messages by rising nonce. */
  of(sender: string): PooledMessage[] {
    return [...(this.#senders.get(sender)?.values() ?? [])].sort(
      (a, b) => a.signed.Message.Nonce - b.signed.Message.Nonce,
    )
  }

  all(): PooledMessage[] {
    return [...this.#senders.keys()].flatMap(sender => this.of(sender))
  }

  /** The first nonce at or after `from` that no waiting message has. */
  nextNonce(sender: string, from: number): number {
    const waiting = this.#senders.get(sender)
    let nonce = from
    while (waiting?.has(nonce)) nonce += 1
    return nonce
  }

  /**
   * What goes into the next block: of each sender the messages whose nonces follow on its account's without a gap, as long as its
   * balance covers the gas and the fee cap the base fee.
   */
  select(state: StateView, baseFee: bigint): IncludedMessage[] {
    const selected: IncludedMessage[] = []
    let gasLeft = BLOCK_GAS_LIMIT
    for (const sender of this.#senders.keys()) {
      const waiting = this.of(sender)
      const id = resolveId(state, waiting[0]!.signed.Message.From)
      const account = id === undefined ? undefined : actors.get(state, id)
      if (account === undefined) continue
      let { nonce, balance } = account
      for (const { cid, signed } of waiting) {
        const { Nonce, GasLimit, GasFeeCap, Value } = signed.Message
        if (Nonce < nonce) continue
        const cost = GasFeeCap * BigInt(GasLimit)
        if (Nonce > nonce || GasFeeCap < baseFee || balance < cost || GasLimit > gasLeft) break
        selected.push({ cid, signed, from: account.id })
        nonce += 1
        balance -= cost + (Value < balance - cost ? Value : 0n)
        gasLeft -= GasLimit
      }
    }
    return selected
  }

  /** Messages whose nonce the chain has passed by: another one has landed in their place. */
  stale(state: StateView): PooledMessage[] {
    return this.all().filter(({ signed }) => {
      const id = resolveId(state, signed.Message.From)
      return id !== undefined && signed.Message.Nonce < actors.get(state, id)!.nonce
    })
  }
}
