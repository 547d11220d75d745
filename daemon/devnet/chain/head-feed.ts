import { HEAD_CHANGE, type HeadChange } from '../../../rpc-schema/chain/tipset.js'
import { ValueQueue } from '../../../rpc-schema/rpc/value-queue.js'
import { type ChainTipSet, toWire } from './tipset.js'

/** Tells everyone who listens how the head changes. */
export class HeadFeed {
  readonly #relays: ((changes: HeadChange[]) => void)[] = []
  readonly #listeners = new Set<ValueQueue<HeadChange[]>>()

  /** What to tell from now on, beginning with the present head. Ends when the listener or the chain stops. */
  listen(head: ChainTipSet): AsyncIterableIterator<HeadChange[]> {
    const queue = new ValueQueue<HeadChange[]>(() => this.#listeners.delete(queue))
    this.#listeners.add(queue)
    queue.push([{ Type: HEAD_CHANGE.current, Val: toWire(head) }])
    return queue
  }

  /** Everything that is told here is told there, at once. */
  relay(to: (changes: HeadChange[]) => void): void {
    this.#relays.push(to)
  }

  applied(tipset: ChainTipSet): void {
    this.tell([{ Type: HEAD_CHANGE.apply, Val: toWire(tipset) }])
  }

  /** Newest first. */
  reverted(tipsets: readonly ChainTipSet[]): void {
    this.tell(tipsets.map(tipset => ({ Type: HEAD_CHANGE.revert, Val: toWire(tipset) })))
  }

  close(): void {
    for (const listener of this.#listeners) listener.end()
    this.#listeners.clear()
  }

  tell(changes: HeadChange[]): void {
    for (const relay of this.#relays) relay(changes)
    for (const listener of this.#listeners) listener.push(changes)
  }
}
