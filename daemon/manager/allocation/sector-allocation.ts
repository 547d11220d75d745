import type { AllocatedSector, AllocateSectorSpec } from '../../../rpc-schema/manager/allocation.js'
import type { AcquireDealsSpec, SectorPieces, SectorPieceV2 } from '../../../rpc-schema/manager/deals.js'
import type { SectorState } from '../../../rpc-schema/manager/sector-state.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import { type SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'
import type { Logger } from '../../kit/log.js'
import type { ChainNode } from '../chain/chain-node.js'
import type { HeadTracker } from '../chain/head-tracker.js'
import type { MinerFacts } from '../chain/miner-facts.js'
import { pieceProblem } from '../commitment/pieces-check.js'
import type { MinerSetup } from '../config/load-settings.js'
import type { SectorBook } from '../sectors/sector-book.js'
import { type DealMarket, type DealWindow, NO_END } from './market.js'
import type { AllocationRules, AlongWithNumber, NoNumber, NumberAllocator } from './number-allocator.js'
import { fromV2 } from './pieces.js'

export interface SectorAllocationOptions {
  miners: ReadonlyMap<number, MinerSetup>
  book: SectorBook
  numbers: NumberAllocator
  node: ChainNode
  heads: HeadTracker
  facts: MinerFacts
  /** Undefined when no market is configured. */
  market: DealMarket | undefined
  log: Logger
  /** A number in [0, 1), for the choice among miners. */
  random?: () => number
}

interface Candidate {
  setup: MinerSetup
  proofType: number
}

/** New sectors for workers, and deals to fill them. */
export class SectorAllocation {
  readonly #options: SectorAllocationOptions

  constructor(options: SectorAllocationOptions) {
    this.#options = options
  }

  /** A sector of a random miner that fits; null when none fits, all their numbers are used up, or none is to be begun now. */
  async allocate(spec: AllocateSectorSpec, along?: AlongWithNumber): Promise<AllocatedSector | null> {
    const { random = Math.random, numbers, log } = this.#options
    const candidates = await this.#candidates(spec)
    while (candidates.length > 0) {
      const [{ setup, proofType }] = candidates.splice(Math.floor(random() * candidates.length), 1) as [Candidate]
      const allocation = await numbers.allocate(
        setup.Actor,
        proofType,
        rulesOf(setup),
        await this.usedOnChain(setup.Actor),
        along,
      )
      if ('none' in allocation) {
        log[IS_NORMAL.has(allocation.none) ? 'debug' : 'warn']({ miner: setup.Actor }, `no number: ${allocation.none}`)
        continue
      }
      const ID = { Miner: setup.Actor, Number: allocation.number }
      if (allocation.skipped !== undefined)
        log.error({ miner: setup.Actor }, `sector numbers skipped: ${allocation.skipped}`)
      log.info({ sector: sectorName(ID), miner: setup.Actor }, 'sector allocated')
      return { ID, ProofType: proofType }
    }
    return null
  }

  /** The pieces of a sector: those it has, or new ones from the market. Null when its miner takes no deals. */
  acquireDeals(sid: SectorID, spec: AcquireDealsSpec): Promise<SectorPieces> {
    const { book, market, log } = this.#options
    return book.exclusively(sid, async () => {
      const record = await book.online(sid)
      if (record.Pieces !== null && record.Pieces.length > 0) return record.Pieces
      const setup = this.#setup(sid.Miner)
      if (market === undefined || !setup.Sector.EnableDeals) return null
      if (record.Deals !== null && record.Deals.length > 0) await this.#dropLegacyDeals(market, record)
      const pieces = await market.assign(record, spec, await this.#window(setup))
      if (pieces.length === 0) return []
      try {
        const problem = await this.#problemOf(sid, pieces)
        if (problem !== undefined) {
          log.warn({ sector: sectorName(sid) }, `deals are given back: ${problem}`)
          await market.release({ ...record, Pieces: pieces })
          return []
        }
        await book.update(
          sid,
          online => {
            online.Pieces = pieces
          },
          { actor: 'manager', event: 'deals assigned', detail: `${pieces.length} pieces` },
        )
      } catch (error) {
        await market.releaseQuietly(
          sid,
          pieces.map(piece => piece.DealInfo!),
        )
        throw error
      }
      return pieces
    })
  }

  /** What the chain says against these pieces: better before they are sealed than when they have been for hours. */
  async #problemOf(sid: SectorID, pieces: readonly SectorPieceV2[]): Promise<string | undefined> {
    const { node, heads } = this.#options
    return pieceProblem(node, sid.Miner, pieces.map(fromV2), await heads.fresh())
  }

  /** Deals of the first generation came with an imported record; the sector gets new ones in their place. */
  async #dropLegacyDeals(market: DealMarket, record: SectorState): Promise<void> {
    await market.release(record)
    await this.#options.book.update(
      record.ID,
      online => {
        online.Deals = null
      },
      { actor: 'manager', event: 'old deals released' },
    )
  }

  async #window(setup: MinerSetup): Promise<DealWindow | undefined> {
    const duration = setup.Sealing.SealingEpochDuration
    if (duration === 0) return undefined
    const head = await this.#options.heads.fresh()
    return { start: head.Height + duration, end: NO_END, sectorExpiration: null }
  }

  #setup(miner: number): MinerSetup {
    const setup = this.#options.miners.get(miner)
    if (setup === undefined) throw new Error(`config for miner actor ${miner} not found`)
    return setup
  }

  async #candidates(spec: AllocateSectorSpec): Promise<Candidate[]> {
    const enabled = [...this.#options.miners.values()].filter(
      setup => setup.Sector.Enabled && (spec.AllowedMiners.length === 0 || spec.AllowedMiners.includes(setup.Actor)),
    )
    const looked = await Promise.all(enabled.map(setup => this.#candidate(setup)))
    return looked.filter(
      candidate =>
        candidate !== undefined &&
        (spec.AllowedProofTypes.length === 0 || spec.AllowedProofTypes.includes(candidate.proofType)),
    ) as Candidate[]
  }

  /** Undefined for a miner that the chain does not tell of: the others are not to wait for it. */
  async #candidate(setup: MinerSetup): Promise<Candidate | undefined> {
    try {
      const proof = await this.#options.facts.sealProof(setup.Actor, setup.Sealing.UseSyntheticPoRep)
      return { setup, proofType: proof.number }
    } catch (error) {
      this.#options.log.warn({ err: error, miner: setup.Actor }, `miner left out: ${errorText(error)}`)
      return undefined
    }
  }

  /** The numbers of a miner that the chain has used up. */
  async usedOnChain(miner: number): Promise<Bitfield> {
    const { node, heads } = this.#options
    const head = await heads.fresh()
    return (await node.api.StateMinerAllocated(Address.fromId(miner), head.Cids)) ?? Bitfield.EMPTY
  }
}

/** Reasons that need nobody's attention. */
const IS_NORMAL: ReadonlySet<NoNumber> = new Set(['enough sectors are being sealed', 'no pledge waits'])

/** The rules of a miner as they stand now: its settings may change while the manager runs. */
export const rulesOf = ({ Sector }: MinerSetup): AllocationRules => ({
  min: Sector.MinNumber ?? Sector.InitNumber,
  max: Sector.MaxNumber,
  maxSealing: Sector.MaxSealingSectors,
  pledgeOnly: Sector.PledgeOnly,
})
