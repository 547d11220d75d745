import type { SectorOnChainInfo } from '../../../rpc-schema/chain/sectors.js'
import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import type { SectorPieceV2 } from '../../../rpc-schema/manager/deals.js'
import type { SectorState } from '../../../rpc-schema/manager/sector-state.js'
import type { AllocatedSnapUpSector, AllocateSnapUpSpec, SectorPublicInfo } from '../../../rpc-schema/manager/snapup.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { cidToCommR } from '../../../rpc-schema/wire/cid.js'
import { type SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'
import type { Logger } from '../../kit/log.js'
import type { DealMarket } from '../allocation/market.js'
import { type DataPiece, dataPieces, fromV2 } from '../allocation/pieces.js'
import type { ChainNode } from '../chain/chain-node.js'
import type { HeadTracker } from '../chain/head-tracker.js'
import type { MinerFacts } from '../chain/miner-facts.js'
import { pieceProblem } from '../commitment/pieces-check.js'
import type { MinerSetup } from '../config/load-settings.js'
import type { SectorBook } from '../sectors/sector-book.js'
import { newRecord } from '../sectors/sector-record.js'
import type { SectorFiles } from '../storage/sector-files.js'
import { unfitOnChain, unfitRecord } from './candidate-rules.js'
import type { Candidate, Candidates } from './candidates.js'
import type { SnapUpJobs } from './snapup-jobs.js'

export interface SnapUpAllocationOptions {
  miners: ReadonlyMap<number, MinerSetup>
  book: SectorBook
  files: Pick<SectorFiles, 'find'>
  node: ChainNode
  facts: Pick<MinerFacts, 'rules'>
  heads: HeadTracker
  /** Undefined when no market is configured. */
  market: DealMarket | undefined
  candidates: Candidates
  jobs: Pick<SnapUpJobs, 'begin'>
  log: Logger
  /** A number in [0, 1). */
  random?: () => number
}

/** A candidate that can be upgraded. */
interface Fit {
  readonly sid: SectorID
  readonly candidate: Candidate
  readonly onChain: SectorOnChainInfo
  readonly store: string
}

/** What is found out about a candidate: it fits · it does not now · it never will. */
type Look = { readonly fit: Fit } | { readonly notNow: string } | { readonly never: string }

/** Candidates that one question looks at before it says that there is nothing. */
const MOST_LOOKED_AT = 8

/** Gives workers empty sectors together with deals for them. Until a sector and its deals are written down together, nothing has changed. */
export class SnapUpAllocation {
  readonly #options: SnapUpAllocationOptions
  /** Sectors that are being allocated right now. */
  readonly #busy = new Set<string>()

  constructor(options: SnapUpAllocationOptions) {
    this.#options = options
  }

  /** Null when there is no candidate, or no deal for it. */
  async allocate({ Sector, Deals }: AllocateSnapUpSpec): Promise<AllocatedSnapUpSector | null> {
    const { miners, market, log } = this.#options
    if (market === undefined) return null
    const enabled = [...miners.values()].filter(
      ({ Actor, SnapUp }) =>
        SnapUp.Enabled && (Sector.AllowedMiners.length === 0 || Sector.AllowedMiners.includes(Actor)),
    )
    for (const setup of this.#shuffled(enabled)) {
      try {
        const allocated = await this.#ofMiner(setup.Actor, market, { Sector, Deals })
        if (allocated !== null) return allocated
      } catch (error) {
        // One miner with a market or a chain that fails does not keep the others from work.
        if (enabled.length === 1) throw error
        log.warn({ err: error, miner: setup.Actor }, `no upgrade: ${errorText(error)}`)
      }
    }
    return null
  }

  async #ofMiner(miner: number, market: DealMarket, spec: AllocateSnapUpSpec): Promise<AllocatedSnapUpSector | null> {
    const { candidates, heads, log } = this.#options
    const head = await heads.fresh()
    for await (const candidate of candidates.some(miner, MOST_LOOKED_AT)) {
      const sid = { Miner: miner, Number: candidate.number }
      const name = sectorName(sid)
      if (this.#busy.has(name)) continue
      this.#busy.add(name)
      try {
        const look = await this.#look(sid, candidate, spec.Sector.AllowedProofTypes, head)
        if ('never' in look) {
          await candidates.remove(miner, candidate)
          log.info({ sector: name }, `no candidate for an upgrade any more: ${look.never}`)
        } else if ('notNow' in look) log.debug({ sector: name }, `not upgraded now: ${look.notNow}`)
        // Without deals for this one there are none for the others: they differ in nothing but their lifetime.
        else return await this.#withDeals(look.fit, market, spec, head)
      } finally {
        this.#busy.delete(name)
      }
    }
    return null
  }

  async #look(sid: SectorID, candidate: Candidate, proofTypes: readonly number[], head: TipSet): Promise<Look> {
    const { node, facts, book, files } = this.#options
    const miner = Address.fromId(sid.Miner)
    const found = await book.find(sid)
    if (found?.store === 'online') return { notNow: 'it is being worked on' }
    const onChain = await node.api.StateSectorGetInfo(miner, sid.Number, head.Cids)
    if (onChain === null) return { never: 'it is not on the chain' }
    const unfit =
      unfitOnChain(onChain, head.Height, await facts.rules()) ?? (found && unfitRecord(found.record, onChain))
    if (unfit !== undefined) return { never: unfit }
    if (proofTypes.length > 0 && !proofTypes.includes(onChain.SealProof)) return { notNow: 'another proof type' }
    const { Deadline, Partition } = await node.api.StateSectorPartition(miner, sid.Number, head.Cids)
    const partitions = await node.api.StateMinerPartitions(miner, Deadline, head.Cids)
    if (!partitions[Partition]?.ActiveSectors.has(sid.Number)) return { notNow: 'it is not active' }
    const { Found, Instance } = await files.find('normal', sid)
    if (!Found) return { never: 'it is not known in which store it is' }
    if (Instance.SealedFile !== Instance.CacheDir)
      return { never: `it lies in two stores, ${Instance.SealedFile} and ${Instance.CacheDir}` }
    return { fit: { sid, candidate, onChain, store: Instance.SealedFile } }
  }

  async #withDeals(
    fit: Fit,
    market: DealMarket,
    { Deals }: AllocateSnapUpSpec,
    head: TipSet,
  ): Promise<AllocatedSnapUpSector | null> {
    const { sid, onChain } = fit
    const { Activation, Expiration } = onChain
    const empty = newRecord(sid, onChain.SealProof)
    const pieces = await market.assign(empty, Deals, {
      start: Activation,
      end: Expiration,
      sectorExpiration: Expiration,
    })
    if (pieces.length === 0) return null
    try {
      const problem = await this.#dealProblem(fit, pieces, head)
      if (problem !== undefined) {
        this.#options.log.warn({ sector: sectorName(sid) }, `deals for an upgrade are given back: ${problem}`)
        await market.release({ ...empty, Pieces: pieces })
        return null
      }
      const before = { CommR: cidToCommR(onChain.SealedCID), SealedCID: onChain.SealedCID, Activation, Expiration }
      await this.#record(fit, pieces, before)
      return {
        Sector: { ID: sid, ProofType: onChain.SealProof },
        Pieces: pieces,
        Public: before,
        Private: { AccessInstance: fit.store },
      }
    } catch (error) {
      await market.releaseQuietly(
        sid,
        pieces.flatMap(({ DealInfo }) => DealInfo ?? []),
      )
      throw error
    }
  }

  async #dealProblem(
    { sid, onChain }: Fit,
    pieces: readonly SectorPieceV2[],
    head: TipSet,
  ): Promise<string | undefined> {
    const all = pieces.map(fromV2)
    const data = dataPieces(all)
    if (data.length === 0) return 'there is no deal among the pieces'
    const problem = await pieceProblem(this.#options.node, sid.Miner, all, head)
    if (problem !== undefined) return problem
    for (const piece of data) {
      const wrong = await this.#termProblem(piece, onChain, head)
      if (wrong !== undefined) return wrong
    }
    return undefined
  }

  /** A deal of the market must lie within the life of the sector, an allocation must allow what is left of it. */
  async #termProblem(piece: DataPiece, { Activation, Expiration }: SectorOnChainInfo, head: TipSet) {
    if (piece.kind === 'direct') {
      const left = Expiration - head.Height
      const terms = await this.#options.node.api.StateGetAllocation(piece.deal.Client, piece.allocationId, head.Cids)
      if (terms === null || (left >= terms.TermMin && left <= terms.TermMax)) return undefined
      return `allocation ${piece.allocationId} is for ${terms.TermMin} to ${terms.TermMax} epochs, the sector has ${left}`
    }
    if (!('StartEpoch' in piece.deal)) return undefined
    const { StartEpoch, EndEpoch } = piece.deal
    if (Activation <= StartEpoch && EndEpoch < Expiration) return undefined
    return `deal ${piece.dealId} from ${StartEpoch} to ${EndEpoch}, the sector lives from ${Activation} to ${Expiration}`
  }

  /** The record goes online with its deals, and the candidate is none any more: all or nothing. */
  async #record(fit: Fit, pieces: SectorPieceV2[], before: SectorPublicInfo): Promise<void> {
    const { book, candidates, jobs } = this.#options
    const { sid, candidate, onChain } = fit
    const cause = { actor: 'manager', event: 'allocated for upgrade', detail: `${pieces.length} pieces` }
    const change = (record: SectorState): void => {
      record.Pieces = pieces
      record.Deals = null
      record.Upgraded = true
      record.UpgradePublic = before
      record.UpgradedInfo = null
      record.UpgradeMessageID = null
      record.UpgradeLandedEpoch = null
      record.AbortReason = ''
    }
    await book.transaction(async trx => {
      if ((await book.find(sid, trx)) === undefined) {
        await book.create(sid, onChain.SealProof, cause, trx)
        await book.update(sid, change, undefined, trx)
      } else await book.restore(sid, cause, change, trx)
      await candidates.remove(sid.Miner, candidate, trx)
      await jobs.begin(sid, candidate.deadline, trx)
    })
  }

  #shuffled<T>(items: readonly T[]): T[] {
    const { random = Math.random } = this.#options
    return items
      .map(item => ({ item, order: random() }))
      .sort((a, b) => a.order - b.order)
      .map(({ item }) => item)
  }
}
