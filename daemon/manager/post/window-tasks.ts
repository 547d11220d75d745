import type { Partition } from '../../../rpc-schema/chain/partitions.js'
import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import { bytesEqual } from '../../../rpc-schema/wire/bytes.js'
import type { PosterParts } from './poster-parts.js'
import type { Window } from './schedule.js'
import type { Submission } from './submission-repository.js'
import type { WindowNotes } from './window-record.js'

/** A partition that may be refused so often before it is no longer proven: what the chain does not take costs gas each time. */
const MOST_REFUSALS = 6

/** A partition of a window that has to be proven. */
export interface WindowTask {
  readonly index: number
  readonly toProve: Bitfield
}

/** What is live and not faulty, and what is being recovered. */
export const sectorsToProve = ({ LiveSectors, FaultySectors, RecoveringSectors }: Partition): Bitfield =>
  LiveSectors.subtract(FaultySectors).union(RecoveringSectors.intersect(LiveSectors))

/** Finds what of a window has neither a proof nor a place on the chain yet. */
export class WindowTasks {
  readonly #parts: PosterParts
  readonly #miner: number
  readonly #window: Window
  readonly #notes: WindowNotes

  constructor(parts: PosterParts, miner: number, window: Window, notes: WindowNotes) {
    this.#parts = parts
    this.#miner = miner
    this.#window = window
    this.#notes = notes
  }

  /** The partitions with sectors to prove that nobody has proven. */
  async open(partitions: readonly Partition[], challenge: Uint8Array, head: TipSet): Promise<WindowTask[]> {
    const { node, submissions, log } = this.#parts
    const deadlines = await node.api.StateMinerDeadlines(Address.fromId(this.#miner), head.Cids)
    const posted = deadlines[this.#window.Index]?.PostSubmissions ?? Bitfield.EMPTY
    const kept = await this.#kept(challenge)
    const all = partitions
      .map((partition, index) => ({ index, toProve: sectorsToProve(partition) }))
      // What the chain has from somebody else is not ours to account for.
      .filter(({ index, toProve }) => !toProve.isEmpty && (kept.has(index) || !posted.has(index)))
    if (all.length !== this.#notes.record.Partitions) this.#notes.change({ Partitions: all.length })
    const past = await submissions.ofWindow(this.#miner, this.#window.Open)
    return all.filter(({ index }) => {
      if (kept.has(index)) return false
      const refused = past
        .filter(({ state, partitions }) => state === 'discarded' && partitions.includes(index))
        .reduce((sum, { failures }) => sum + failures, 0)
      if (refused >= MOST_REFUSALS)
        log.error(
          { ...this.#subject(), partition: index },
          `the chain has refused ${refused} proofs of a partition: it is not sent again in this window`,
        )
      return refused < MOST_REFUSALS
    })
  }

  /** Partitions whose proofs are kept. Proofs that answer another challenge are given up. */
  async #kept(challenge: Uint8Array): Promise<Set<number>> {
    const { submissions } = this.#parts
    const kept = new Set<number>()
    for (const submission of await submissions.ofWindow(this.#miner, this.#window.Open)) {
      if (submission.state === 'discarded') continue
      if (bytesEqual(submission.randomness, challenge)) for (const index of submission.partitions) kept.add(index)
      else await this.#outdated(submission)
    }
    return kept
  }

  async #outdated(submission: Submission): Promise<void> {
    const { submissions, heads, log } = this.#parts
    const why = 'a reorg has changed the challenge'
    log.warn(
      { ...this.#subject(), partitions: submission.partitions },
      `windowpost randomness changed: ${why}, they are proven anew`,
    )
    this.#notes.step('undone', heads.last?.Height ?? 0, submission.partitions.join(' '))
    await submissions.discard(submission, why)
  }

  #subject() {
    const { Index, Open, Close } = this.#window
    return { miner: this.#miner, deadline: Index, open: Open, close: Close }
  }
}
