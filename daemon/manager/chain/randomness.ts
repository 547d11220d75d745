import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import type { Seed, Ticket } from '../../../rpc-schema/manager/commitment.js'
import type { WindowPoStRandomness } from '../../../rpc-schema/manager/randomness.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { address } from '../../../rpc-schema/wire/cbor.js'
import { DomainSeparationTag } from '../../../rpc-schema/wire/randomness.js'
import type { TipSetKey } from '../../../rpc-schema/wire/tipset-key.js'
import type { ChainNode } from './chain-node.js'
import type { HeadTracker } from './head-tracker.js'
import { POLICY } from './network-version.js'

const entropyOf = (miner: number): Uint8Array => address.encode(Address.fromId(miner))

/** The epoch whose ticket seals a sector that begins now; a young chain has none before its first. */
export const ticketEpoch = (head: TipSet): number => Math.max(0, head.Height - POLICY.sealRandomnessLookback)

/** Draws randomness of the chain. An empty tipset key is the head (nodes refuse it in some of the methods). */
export class Randomness {
  readonly #node: ChainNode
  readonly #heads: HeadTracker

  constructor(node: ChainNode, heads: HeadTracker) {
    this.#node = node
    this.#heads = heads
  }

  async ticket(miner: number, epoch: number, tsk: TipSetKey = []): Promise<Ticket> {
    const drawn = await this.#fromTickets(DomainSeparationTag.SealRandomness, epoch, entropyOf(miner), tsk)
    return { Ticket: drawn, Epoch: epoch }
  }

  async seed(miner: number, epoch: number, tsk: TipSetKey = []): Promise<Seed> {
    const drawn = await this.#fromBeacon(DomainSeparationTag.InteractiveSealChallengeSeed, epoch, miner, tsk)
    return { Seed: drawn, Epoch: epoch }
  }

  async windowPoStChallenge(miner: number, epoch: number, tsk: TipSetKey = []): Promise<WindowPoStRandomness> {
    const drawn = await this.#fromBeacon(DomainSeparationTag.WindowedPoStChallengeSeed, epoch, miner, tsk)
    return { Epoch: epoch, Rand: drawn }
  }

  async windowPoStCommit(epoch: number, tsk: TipSetKey = []): Promise<WindowPoStRandomness> {
    return { Epoch: epoch, Rand: await this.#fromTickets(DomainSeparationTag.PoStChainCommit, epoch, null, tsk) }
  }

  async #fromTickets(tag: number, epoch: number, entropy: Uint8Array | null, tsk: TipSetKey): Promise<Uint8Array> {
    return this.#node.api.StateGetRandomnessFromTickets(tag, epoch, entropy, await this.#key(tsk))
  }

  async #fromBeacon(tag: number, epoch: number, miner: number, tsk: TipSetKey): Promise<Uint8Array> {
    return this.#node.api.StateGetRandomnessFromBeacon(tag, epoch, entropyOf(miner), await this.#key(tsk))
  }

  async #key(tsk: TipSetKey): Promise<TipSetKey> {
    return tsk.length > 0 ? tsk : (await this.#heads.fresh()).Cids
  }
}
