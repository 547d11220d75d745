import type { Knex } from 'knex'
import type { SnapUpFetchResult } from '../../../rpc-schema/manager/snapup.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import { inTransaction } from '../../kit/database.js'
import type { ChainNode } from '../chain/chain-node.js'
import type { HeadTracker } from '../chain/head-tracker.js'
import type { MinerFacts } from '../chain/miner-facts.js'
import { CandidateRepository } from './candidate-repository.js'
import { unfitOnChain } from './candidate-rules.js'

export interface CandidatesOptions {
  db: Knex
  node: ChainNode
  facts: Pick<MinerFacts, 'rules'>
  heads: HeadTracker
  /** A number in [0, 1). */
  random?: () => number
}

/** A sector that is worth a look, and the deadline it was found in. */
export interface Candidate {
  readonly number: number
  readonly deadline: number
}

/** Sectors whose details are asked for in one call. */
const CHUNK = 2_500

/** The sectors that can be upgraded, as they were found when they were fetched; each is looked at again when it is taken. */
export class Candidates {
  readonly #options: CandidatesOptions
  readonly #rows: CandidateRepository

  constructor(options: CandidatesOptions) {
    this.#options = options
    this.#rows = new CandidateRepository(options.db)
  }

  /** Adds the fit sectors of a deadline (null: the present one). */
  async fetch(miner: number, wanted: number | null): Promise<SnapUpFetchResult> {
    const { node, heads, facts, db } = this.#options
    const address = Address.fromId(miner)
    const [head, rules] = await Promise.all([heads.fresh(), facts.rules()])
    const present = await node.api.StateMinerProvingDeadline(address, head.Cids)
    const deadline = (wanted ?? present.Index) % present.WPoStPeriodDeadlines
    const partitions = await node.api.StateMinerPartitions(address, deadline, head.Cids)
    const active = partitions.reduce(
      (all, { ActiveSectors, FaultySectors }) => all.union(ActiveSectors.subtract(FaultySectors)),
      Bitfield.EMPTY,
    )
    const fit: number[] = []
    for (const filter of chunksOf(active, CHUNK)) {
      const infos = await node.api.StateMinerSectors(address, filter, head.Cids)
      for (const info of infos) if (unfitOnChain(info, head.Height, rules) === undefined) fit.push(info.SectorNumber)
    }
    const Diff = await inTransaction(db, trx => this.#rows.add(miner, deadline, Bitfield.of(fit), trx))
    return { Total: fit.length, Diff }
  }

  /** One entry for each deadline up to the last that was fetched; null when none was. */
  async list(miner: number): Promise<(Bitfield | null)[] | null> {
    const all = await this.#rows.all(miner)
    if (all === undefined || [...all.values()].every(sectors => sectors.isEmpty)) return null
    const deadlines = Math.max(PERIOD_DEADLINES, ...[...all.keys()].map(deadline => deadline + 1))
    return Array.from({ length: deadlines }, (_, deadline) => {
      const sectors = all.get(deadline)
      return sectors === undefined || sectors.isEmpty ? null : sectors
    })
  }

  /** Random ones, of a random deadline each; none twice. */
  async *some(miner: number, most: number): AsyncGenerator<Candidate> {
    const all = new Map(await this.#rows.all(miner))
    for (let given = 0; given < most; given++) {
      const deadlines = [...all].filter(([, sectors]) => !sectors.isEmpty)
      const drawn = deadlines[this.#draw(deadlines.length)]
      if (drawn === undefined) return
      const [deadline, sectors] = drawn
      const number = memberAt(sectors, this.#draw(sectors.count))
      all.set(deadline, sectors.subtract(Bitfield.of([number])))
      yield { number, deadline }
    }
  }

  remove(miner: number, { deadline, number }: Candidate, trx?: Knex.Transaction): Promise<void> {
    const work = (inside: Knex.Transaction): Promise<void> => this.#rows.remove(miner, deadline, number, inside)
    return trx ? work(trx) : inTransaction(this.#options.db, work)
  }

  async putBack(miner: number, { deadline, number }: Candidate, trx: Knex.Transaction): Promise<void> {
    await this.#rows.add(miner, deadline, Bitfield.of([number]), trx)
  }

  #draw(below: number): number {
    return Math.floor((this.#options.random ?? Math.random)() * below)
  }
}

/** How many entries the original's answer has. */
const PERIOD_DEADLINES = 48

function memberAt(sectors: Bitfield, index: number): number {
  let rest = index
  for (const [start, end] of sectors.ranges()) {
    if (rest < end - start) return start + rest
    rest -= end - start
  }
  throw new RangeError(`member ${index} of a set of ${sectors.count}`)
}

function* chunksOf(sectors: Bitfield, size: number): Generator<Bitfield> {
  let chunk: number[] = []
  for (const number of sectors) {
    chunk.push(number)
    if (chunk.length < size) continue
    yield Bitfield.of(chunk)
    chunk = []
  }
  if (chunk.length > 0) yield Bitfield.of(chunk)
}
