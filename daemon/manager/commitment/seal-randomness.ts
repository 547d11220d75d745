import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import type { Ticket, WaitSeedResp } from '../../../rpc-schema/manager/commitment.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { sealProof } from '../../../rpc-schema/wire/proof-types.js'
import { type SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'
import type { ChainNode } from '../chain/chain-node.js'
import type { HeadTracker } from '../chain/head-tracker.js'
import { POLICY } from '../chain/network-version.js'
import { type Randomness, ticketEpoch } from '../chain/randomness.js'
import type { SectorBook } from '../sectors/sector-book.js'

export interface SealRandomnessOptions {
  book: SectorBook
  node: ChainNode
  heads: HeadTracker
  randomness: Randomness
}

/** Tickets and interactive seeds of sectors. */
export class SealRandomness {
  readonly #options: SealRandomnessOptions

  constructor(options: SealRandomnessOptions) {
    this.#options = options
  }

  /** Draws a new ticket at every call: a worker asks when it begins to seal, and seals anew when its ticket is too old. */
  assignTicket(sid: SectorID): Promise<Ticket> {
    const { book, heads, randomness } = this.#options
    return book.exclusively(sid, async () => {
      await book.online(sid)
      const head = await heads.fresh()
      const ticket = await randomness.ticket(sid.Miner, ticketEpoch(head), head.Cids)
      await book.update(
        sid,
        record => {
          record.Ticket = ticket
        },
        { actor: 'manager', event: 'ticket assigned', detail: `epoch ${ticket.Epoch}` },
      )
      return ticket
    })
  }

  /** The seed, or how many seconds it may take until there is one. */
  waitSeed(sid: SectorID, proofType: number): Promise<WaitSeedResp> {
    const { book, heads, randomness } = this.#options
    return book.exclusively(sid, async () => {
      const head = await heads.fresh()
      const interactive = sealProof(proofType).feature !== 'nonInteractive'
      const epoch = interactive ? await this.#seedEpoch(sid, head) : head.Height - 1
      const missing = interactive ? epoch + POLICY.interactivePoRepConfidence - head.Height : 0
      if (missing > 0) return { ShouldWait: true, Delay: await this.#delay(missing), Seed: null }
      const seed = await randomness.seed(sid.Miner, epoch, head.Cids)
      await book.update(
        sid,
        record => {
          record.Seed = seed
        },
        { actor: 'manager', event: 'seed assigned', detail: `epoch ${seed.Epoch}` },
      )
      return { ShouldWait: false, Delay: 0, Seed: seed }
    })
  }

  async #seedEpoch(sid: SectorID, head: TipSet): Promise<number> {
    const { node } = this.#options
    const info = await node.api.StateSectorPreCommitInfo(Address.fromId(sid.Miner), sid.Number, head.Cids)
    if (info === null) throw new Error(`precommit info not found on chain. sid: ${sectorName(sid)}`)
    return info.PreCommitEpoch + (await node.params()).PreCommitChallengeDelay
  }

  /** By the speed at which the chain is seen to move, at most the nominal one; at least a second. */
  async #delay(epochs: number): Promise<number> {
    const { node, heads } = this.#options
    const nominalMs = (await node.params()).BlockDelaySecs * 1000
    const seenMs = heads.epochMs() ?? nominalMs
    return Math.max(1, Math.ceil((epochs * Math.min(nominalMs, seenMs)) / 1000))
  }
}
