import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import type { ExpiredSectors as Answer } from '../../../rpc-schema/manager/sector-life.js'
import { ANY_SECTOR } from '../../../rpc-schema/manager/sector-search.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import type { ChainNode } from '../chain/chain-node.js'
import type { HeadTracker } from '../chain/head-tracker.js'
import { decodeRecord } from '../sectors/sector-repository.js'
import type { SectorSearch } from '../sectors/sector-search.js'

/** Epochs that winning PoSt looks back: so long the files of an ended sector may still be asked for. */
const WINNING_POST_LOOKBACK = 900

/** Finds finished sectors that the chain has ended, whose files nobody needs any more. */
export class ExpiredSectors {
  readonly #node: ChainNode
  readonly #heads: HeadTracker
  readonly #search: SectorSearch

  constructor(node: ChainNode, heads: HeadTracker, search: SectorSearch) {
    this.#node = node
    this.#heads = heads
    this.#search = search
  }

  /**
   * Sectors that were gone at `epoch` already: their numbers were used up by then, and they were neither pre-committed nor alive. One that has lived
   * since is not among them.
   */
  async of(miner: number, epoch: number | null): Promise<Answer> {
    const head = await this.#heads.fresh()
    const at = epoch ?? head.Height - WINNING_POST_LOOKBACK
    if (at > head.Height) throw new Error(`epoch: expected at most ${head.Height}, where the head is, found ${at}`)
    if (at <= 0) return { Miner: miner, Epoch: Math.max(0, at), Sectors: [] }
    const then = await this.#node.api.ChainGetTipSetByHeight(at, head.Cids)
    const used = (await this.#node.api.StateMinerAllocated(Address.fromId(miner), then.Cids)) ?? Bitfield.EMPTY
    const gone = used.subtract(await this.#alive(miner, then)).subtract(await this.#alive(miner, head))
    const Sectors: Answer['Sectors'] = []
    for await (const portion of this.#search.all({ ...ANY_SECTOR, Store: 'offline', Miner: miner, Aborted: false })) {
      for (const { sid, record: text } of portion) {
        if (!gone.has(sid.Number)) continue
        const record = decodeRecord(text)
        const wasProven = record.Proof !== undefined || record.Imported || record.TerminateInfo.TerminatedAt > 0
        if (!wasProven || (await this.#isPreCommitted(miner, sid.Number, then))) continue
        Sectors.push({ Number: sid.Number, Removed: record.Removed })
      }
    }
    return { Miner: miner, Epoch: at, Sectors }
  }

  async #alive(miner: number, tipset: TipSet): Promise<Bitfield> {
    const address = Address.fromId(miner)
    const { WPoStPeriodDeadlines } = await this.#node.api.StateMinerProvingDeadline(address, tipset.Cids)
    let alive = Bitfield.EMPTY
    for (let deadline = 0; deadline < WPoStPeriodDeadlines; deadline++)
      for (const { LiveSectors } of await this.#node.api.StateMinerPartitions(address, deadline, tipset.Cids))
        alive = alive.union(LiveSectors)
    return alive
  }

  async #isPreCommitted(miner: number, number: number, tipset: TipSet): Promise<boolean> {
    return (await this.#node.api.StateSectorPreCommitInfo(Address.fromId(miner), number, tipset.Cids)) !== null
  }
}
