import type { SectorOnChainInfo } from '../../../rpc-schema/chain/sectors.js'
import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import { bytesEqual } from '../../../rpc-schema/wire/bytes.js'
import { cidToCommR } from '../../../rpc-schema/wire/cid.js'
import { abandoned } from '../concurrency/abandoned.js'
import { batches, partitionsPerMessage, warnOfLargeSetting } from './batches.js'
import { keptAtLast } from './kept-at-last.js'
import type { PartitionClaim } from './partition-claims.js'
import { epochMs, type PosterParts } from './poster-parts.js'
import { type Window, windowTimes } from './schedule.js'
import { type MadeProof, proveWhatCanBe } from './sector-proofs.js'
import type { WindowProofRequest, WindowProofResult } from './window-prover.js'
import type { WindowNotes } from './window-record.js'
import { type WindowTask, WindowTasks } from './window-tasks.js'

/** What is known of a window from one pass over it to the next. */
export interface WindowMemory {
  /** Sectors that provers have named. */
  readonly blamed: Set<number>
  /** Partitions that are proven by themselves. */
  readonly alone: Set<number>
  /** Failures of the prover without a name, by the first partition of a batch. */
  readonly failures: Map<number, number>
  /** What the batches that are done took, ms. */
  readonly took: number[]
  /** Batches that are still to be proven. */
  left: number
  /** Since when the prover has been at batches, by their first partition; monotonic ms. */
  readonly running: Map<number, number>
  /** It was told that a setting has no effect. */
  isWarned: boolean
}

export const newMemory = (): WindowMemory => ({
  blamed: new Set(),
  alone: new Set(),
  failures: new Map(),
  took: [],
  left: 0,
  running: new Map(),
  isWarned: false,
})

/** The least time a look at sectors gets. */
const LEAST_LOOK_MS = 2_000

interface Round {
  readonly head: TipSet
  readonly challenge: Uint8Array
  readonly postProof: number
  readonly signal: AbortSignal
}

interface ClaimedRound extends Round {
  readonly claim: PartitionClaim
}

/** One pass over a window: proves whatever has neither a proof nor a place on the chain yet. Everything that is done is kept, so it may end anywhere. */
export class WindowPass {
  readonly #parts: PosterParts
  readonly #miner: number
  readonly #window: Window
  readonly #notes: WindowNotes
  readonly #memory: WindowMemory
  readonly #tasks: WindowTasks

  constructor(parts: PosterParts, miner: number, window: Window, notes: WindowNotes, memory: WindowMemory) {
    this.#parts = parts
    this.#miner = miner
    this.#window = window
    this.#notes = notes
    this.#memory = memory
    this.#tasks = new WindowTasks(parts, miner, window, notes)
  }

  /** Whether nothing is left to be done. Rejects when the chain could not be asked. */
  async run(head: TipSet, signal: AbortSignal): Promise<boolean> {
    const { node, facts, randomness } = this.#parts
    const { Rand: challenge } = await randomness.windowPoStChallenge(this.#miner, this.#window.Challenge, head.Cids)
    const [partitions, { WindowPoStProofType }, rules] = await Promise.all([
      node.api.StateMinerPartitions(Address.fromId(this.#miner), this.#window.Index, head.Cids),
      facts.info(this.#miner),
      facts.rules(),
    ])
    const tasks = await this.#tasks.open(partitions, challenge, head)
    this.#notes.step('challenge', this.#height, `${tasks.length} partitions to prove`)
    const setting = this.#settings.MaxPartitionsPerPoStMessage
    if (!this.#memory.isWarned) warnOfLargeSetting(this.#miner, setting, rules.partitionsPerPoSt, this.#parts.log)
    this.#memory.isWarned = true
    const groups = batches(
      tasks.map(({ index }) => index),
      partitionsPerMessage(setting, rules.partitionsPerPoSt),
      this.#memory.alone,
    )
    this.#memory.left = groups.length
    const round: Round = { head, challenge, postProof: WindowPoStProofType, signal }
    const prove = async (group: readonly number[]): Promise<boolean> => {
      if (signal.aborted) return false
      const isDone = await this.#claimed(
        tasks.filter(({ index }) => group.includes(index)),
        round,
      )
      if (isDone) this.#memory.left -= 1
      return isDone
    }
    if (this.#settings.Parallel) return (await Promise.all(groups.map(prove))).every(Boolean)
    let all = true
    for (const group of groups) all = (await prove(group)) && all
    return all
  }

  get #settings() {
    return this.#parts.settings(this.#miner)
  }

  get #height(): number {
    return this.#parts.heads.last?.Height ?? 0
  }

  /** Proves partitions that no other manager is at. */
  async #claimed(tasks: readonly WindowTask[], round: Round): Promise<boolean> {
    const { claims, submissions, log } = this.#parts
    const partitions = tasks.map(({ index }) => index)
    try {
      const claim = await claims.take(this.#miner, this.#window.Open, partitions)
      if (claim === undefined) {
        log.info({ ...this.#subject(), partitions }, 'another manager is at these partitions')
        return false
      }
      return await claims.during(claim, round.signal, async signal => {
        // Another manager may have had the claim before, since this pass began.
        const kept = await submissions.kept(this.#miner, this.#window.Open)
        return partitions.some(index => kept.has(index)) ? false : this.#batch(tasks, { ...round, signal, claim })
      })
    } catch (error) {
      if (round.signal.aborted) return false
      return this.#trouble({ ...this.#subject(), partitions }, errorText(error))
    }
  }

  /** Whether nothing is left to be done for these partitions. */
  async #batch(tasks: readonly WindowTask[], round: ClaimedRound): Promise<boolean> {
    const { log, clock } = this.#parts
    const begun = clock.monotonic()
    const of = { ...this.#subject(), partitions: tasks.map(({ index }) => index) }
    try {
      const infos = await this.#infos(tasks, round)
      const good = await this.#examined(infos, of, round)
      if (good === undefined) return false
      const first = tasks[0]!.index
      const outcome = await proveWhatCanBe(good, {
        prove: numbers => this.#prove(numbers, infos, tasks, round),
        hasTime: () => !round.signal.aborted && this.#height < this.#times.lastBegin,
        isPatient: () => this.#height < this.#times.patience,
        blamed: this.#memory.blamed,
        failures: this.#memory.failures.get(first) ?? 0,
        canSplit: tasks.length > 1,
      })
      switch (outcome.kind) {
        case 'nothing':
          log.warn(of, 'no good sector to prove')
          this.#notes.step('trouble', this.#height, `no good sector in partitions ${of.partitions.join(' ')}`)
          return true
        case 'split':
          log.warn(of, `attempt to generate window post proof: ${outcome.why}; its partitions are proven one by one`)
          for (const { index } of tasks) this.#memory.alone.add(index)
          this.#parts.wake()
          return false
        case 'again':
          this.#memory.failures.set(first, (this.#memory.failures.get(first) ?? 0) + 1)
          return this.#trouble(of, outcome.why)
        case 'late':
          return this.#trouble(of, outcome.why)
        case 'made':
          return await this.#keep(outcome.proof, infos, tasks, round, clock.monotonic() - begun)
      }
    } catch (error) {
      if (round.signal.aborted) return false
      return this.#trouble(of, errorText(error))
    }
  }

  #trouble(of: object, why: string): false {
    this.#parts.log.error(of, `attempt to generate window post proof: ${why}`)
    this.#notes.step('trouble', this.#height, why)
    return false
  }

  async #infos(tasks: readonly WindowTask[], { head }: Round): Promise<Map<number, SectorOnChainInfo>> {
    const wanted = tasks.reduce((all, { toProve }) => all.union(toProve), Bitfield.EMPTY)
    const infos = await this.#parts.node.api.StateMinerSectors(Address.fromId(this.#miner), wanted, head.Cids)
    return new Map(infos.map(info => [info.SectorNumber, info]))
  }

  /** The numbers that may be proven, ascending; undefined while it is worth waiting for those of which nothing is known. */
  async #examined(
    infos: ReadonlyMap<number, SectorOnChainInfo>,
    of: object,
    { postProof, signal }: Round,
  ): Promise<number[] | undefined> {
    const { provable, log } = this.#parts
    const sectors = [...infos.values()].map(({ SealProof, SectorNumber, SealedCID, SectorKeyCID }) => ({
      SealProof,
      SectorNumber,
      SealedCID,
      SectorKey: SectorKeyCID,
    }))
    const depth = { strict: this.#settings.StrictCheck, stateCheck: false }
    const looked = provable.examine(this.#miner, postProof, sectors, depth, await this.#lookMs())
    const { bad, unknown } = await abandoned(looked, signal)
    for (const [number, why] of bad) log.warn(of, `bad sector ${number}: ${why}`)
    for (const [number, why] of unknown) log.warn(of, `sector ${number} could not be looked at: ${why}`)
    const good = [...infos.keys()].filter(number => !bad.has(number) && !unknown.has(number)).sort((a, b) => a - b)
    log.warn({ ...of, checked: infos.size, good: good.length, unknown: unknown.size }, 'Checked sectors')
    this.#notes.step(
      'checked',
      this.#height,
      `${good.length} of ${infos.size} good, ${bad.size} bad, ${unknown.size} unknown`,
    )
    if (unknown.size > 0 && this.#height < this.#times.patience) return undefined
    return good
  }

  async #lookMs(): Promise<number> {
    const { patience, lastBegin } = this.#times
    const until = this.#height < patience ? patience : this.#height + (lastBegin - this.#height) / 3
    return Math.max(LEAST_LOOK_MS, (until - this.#height) * (await epochMs(this.#parts)))
  }

  get #times() {
    return windowTimes(this.#window, this.#settings)
  }

  /** One call of the prover; its proof is looked at as the chain would look at it. */
  async #prove(
    numbers: readonly number[],
    infos: ReadonlyMap<number, SectorOnChainInfo>,
    tasks: readonly WindowTask[],
    { challenge, postProof, signal }: Round,
  ): Promise<WindowProofResult> {
    const request: WindowProofRequest = {
      miner: this.#miner,
      postProof,
      deadline: this.#window.Index,
      partitions: tasks.filter(({ toProve }) => numbers.some(number => toProve.has(number))).map(({ index }) => index),
      replicas: numbers.map(number => ({
        number,
        commR: cidToCommR(infos.get(number)!.SealedCID),
        upgraded: infos.get(number)!.SectorKeyCID !== null,
      })),
      randomness: challenge,
      closesAt: this.#parts.clock.now() + (this.#window.Close - this.#height) * (await epochMs(this.#parts)),
      behind: this.#settings.Parallel ? 0 : Math.max(0, this.#memory.left - 1),
    }
    const subject = { ...this.#subject(), partitions: request.partitions, sectors: numbers.length }
    this.#parts.log.info(subject, 'running window post')
    const progress = {
      read: () => this.#notes.step('read', this.#height, `partitions ${request.partitions.join(' ')}`),
    }
    const result = await this.#running(request, abandoned(this.#parts.prover.prove(request, signal, progress), signal))
    const [proof, ...others] = result.proofs
    if (proof === undefined || result.faults.length > 0) return result
    if (others.length > 0) throw new Error(`expected one proof, the prover gave ${others.length + 1}`)
    this.#notes.step('proven', this.#height, `partitions ${request.partitions.join(' ')}`)
    if (!(await abandoned(this.#verified(request, proof.ProofBytes), signal)))
      throw new Error('the proof is not right: it is not sent')
    this.#notes.step('verified', this.#height)
    return { ...result, proofs: [{ ...proof, PoStProof: postProof }] }
  }

  /** Notes for how long the prover is at a batch. */
  async #running<T>({ partitions }: WindowProofRequest, proof: Promise<T>): Promise<T> {
    const { running } = this.#memory
    running.set(partitions[0]!, this.#parts.clock.monotonic())
    try {
      return await proof
    } finally {
      running.delete(partitions[0]!)
    }
  }

  async #verified(request: WindowProofRequest, proof: Uint8Array): Promise<boolean> {
    const { verifier, log } = this.#parts
    try {
      return await verifier.verify(request, proof)
    } catch (error) {
      if (this.#height < this.#times.patience) throw error
      log.error(
        { ...this.#subject(), err: error },
        `a proof cannot be verified here, and there is no time left to find out why; it is sent as it is: ${errorText(error)}`,
      )
      return true
    }
  }

  async #keep(
    { numbers, proofs }: MadeProof,
    infos: ReadonlyMap<number, SectorOnChainInfo>,
    tasks: readonly WindowTask[],
    { challenge, signal, claim }: ClaimedRound,
    tookMs: number,
  ): Promise<boolean> {
    const { submissions, clock, log, wake } = this.#parts
    if (await this.#hasChanged(challenge)) {
      log.warn(this.#subject(), 'windowpost randomness changed while the proof was made')
      wake()
      return false
    }
    if (signal.aborted) return false
    const proven = Bitfield.of(numbers)
    // A partition of which nothing can be proven is left out: the chain finds its sectors faulty by itself.
    const entries = tasks
      .filter(({ toProve }) => !toProve.intersect(proven).isEmpty)
      .map(({ index, toProve }) => ({ Index: index, Skipped: toProve.subtract(proven) }))
    const skipped = entries.reduce((sum, { Skipped }) => sum + Skipped.count, 0)
    const partitions = entries.map(({ Index }) => Index)
    if (skipped > 0) log.warn({ ...this.#subject(), partitions, skipped }, 'skipped sectors')
    const submission = {
      miner: this.#miner,
      open: this.#window.Open,
      partitions,
      randomness: challenge,
      params: {
        Deadline: this.#window.Index,
        Partitions: entries,
        Proofs: [...proofs],
        ChainCommitEpoch: this.#window.Challenge,
        ChainCommitRand: new Uint8Array(32),
      },
    }
    const isKept = await keptAtLast(() => submissions.keep(submission, clock.now(), claim), {
      isOver: () => this.#height >= this.#window.Close,
      subject: { ...this.#subject(), partitions },
      signal,
      clock,
      log,
    })
    if (isKept) {
      this.#memory.took.push(tookMs)
      this.#notes.change({ Skipped: this.#notes.record.Skipped + (infos.size - numbers.length) })
    }
    log.info({ ...this.#subject(), partitions, tookMs: Math.round(tookMs), isKept }, 'partition batch done')
    wake()
    return isKept
  }

  /** A node that does not answer must not cost a proof: its challenge is compared again before it is sent. */
  async #hasChanged(challenge: Uint8Array): Promise<boolean> {
    const { heads, randomness, log } = this.#parts
    try {
      const head = await heads.fresh()
      const now = await randomness.windowPoStChallenge(this.#miner, this.#window.Challenge, head.Cids)
      return !bytesEqual(now.Rand, challenge)
    } catch (error) {
      log.warn(
        { ...this.#subject(), err: error },
        `the challenge of a proof could not be compared with the chain, the proof is kept: ${errorText(error)}`,
      )
      return false
    }
  }

  #subject() {
    const { Index, Open, Close } = this.#window
    return { miner: this.#miner, deadline: Index, open: Open, close: Close }
  }
}
