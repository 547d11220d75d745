import { HEAD_CHANGE, type HeadChange } from '../../../rpc-schema/chain/tipset.js'
import type { Chain } from './chain.js'
import { HeadFeed } from './head-feed.js'
import { type ChainTipSet, heightOf, toWire } from './tipset.js'

/**
 * The head as one endpoint of the node shows it. It can be held: the chain goes on, but whoever asks here sees it stand still, or sees an
 * older head than before, until it is released.
 */
export class ServedHead {
  readonly #chain: Chain
  readonly #feed = new HeadFeed()
  #held: ChainTipSet | undefined
  /** What listeners have not been told while the head was held. */
  #missed: HeadChange[] = []

  constructor(chain: Chain) {
    this.#chain = chain
    chain.feed.relay(changes => {
      if (this.#held === undefined) this.#feed.tell(changes)
      else this.#missed.push(...changes)
    })
  }

  get head(): ChainTipSet {
    return this.#held ?? this.#chain.head
  }

  get isHeld(): boolean {
    return this.#held !== undefined
  }

  /** Shows the present head from now on, or the one so many tipsets below it; nobody is told of the step back. */
  hold(behind: number): ChainTipSet {
    const above: ChainTipSet[] = []
    let shown = this.head
    for (let left = behind; left > 0; left--) {
      const below = this.#chain.atOrBelow(heightOf(shown) - 1)
      if (below === undefined)
        throw new RangeError(`the chain has no ${behind} tipsets below height ${heightOf(this.head)}`)
      above.unshift(shown)
      shown = below
    }
    this.#held = shown
    this.#missed = [...above.map(tipset => ({ Type: HEAD_CHANGE.apply, Val: toWire(tipset) })), ...this.#missed]
    return shown
  }

  /** Shows the chain as it is, and tells all that was missed at once. */
  release(): void {
    const missed = this.#missed
    this.#missed = []
    this.#held = undefined
    if (missed.length > 0) this.#feed.tell(missed)
  }

  /** The chain as it looks from this endpoint: everything is as it is, only its head is the one shown here. */
  asChain(): Chain {
    const shown = { head: () => this.head, feed: () => this.#feed }
    return new Proxy(this.#chain, {
      get(chain, key) {
        if (key === 'head' || key === 'feed') return shown[key]()
        const value: unknown = Reflect.get(chain, key, chain)
        return typeof value === 'function' ? value.bind(chain) : value
      },
    })
  }

  close(): void {
    this.#feed.close()
  }
}
