import type { Knex } from 'knex'
import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import type { SectorState } from '../../../rpc-schema/manager/sector-state.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { type SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import type { Alarms } from '../alarms/alarms.js'
import type { ChainNode } from '../chain/chain-node.js'
import type { HeadTracker } from '../chain/head-tracker.js'
import { BackgroundLoop } from '../concurrency/background-loop.js'
import type { MinerSetup } from '../config/load-settings.js'
import type { SectorBook } from '../sectors/sector-book.js'
import type { BaseFeeWatch } from './base-fee-watch.js'
import { dueSectors, type WaitingSector } from './batch-policy.js'
import type { BatchChoice, CommitKind } from './commit-kind.js'
import { feesOf } from './fees.js'
import { isToBeSplit, type Trial, tryMessage } from './member-trial.js'
import type { MessageDesk, Outgoing } from './message-desk.js'
import type { MessageRepository } from './message-repository.js'
import type { QueueRepository } from './queue-repository.js'
import { RefusalPause } from './refusal-pause.js'
import { NobodyPays, type Senders } from './senders.js'
import { WaitingTimes } from './waiting-times.js'

export interface BatcherOptions<M extends { record: SectorState }> {
  setup: MinerSetup
  kind: CommitKind<M>
  node: ChainNode
  heads: HeadTracker
  book: SectorBook
  queue: QueueRepository
  messages: MessageRepository
  desk: MessageDesk
  senders: Senders
  baseFees: BaseFeeWatch
  alarms: Alarms
  clock: Clock
  log: Logger
}

/** A sector that is refused so often, at a node that cannot tell whether it is the reason, is handed back to its worker. */
const MOST_REFUSALS = 5

/** Somebody else changed a record between its check and its message. */
class ChangedMeanwhile extends Error {}

/** Finished sectors may still wait: a worker need not stay until its proof is on the chain. */
const isWaiting = (record: SectorState | undefined): record is SectorState =>
  record?.MessageInfo.NeedSend === true && record.AbortReason === ''

/** Puts the waiting sectors of one miner into messages of one kind. Everything it works on is in the database: a restart goes on where it was. */
export class Batcher<M extends { record: SectorState }> {
  readonly #options: BatcherOptions<M>
  readonly #loop: BackgroundLoop
  /** Sectors of a message that the node did not take: each is looked at alone before it is sent again. */
  readonly #suspects = new Set<number>()
  readonly #pause: RefusalPause
  readonly #times: WaitingTimes

  constructor(options: BatcherOptions<M>) {
    this.#options = options
    const { setup, kind, log, clock } = options
    this.#pause = new RefusalPause(clock, options.alarms, `${kind.title} of miner ${setup.Actor}`)
    this.#times = new WaitingTimes(clock)
    this.#loop = new BackgroundLoop({
      name: `${kind.title} of miner ${setup.Actor}`,
      log,
      clock,
      intervalMs: () => {
        const { CheckInterval } = kind.settings(setup).Batch
        return this.#pause.leftMs > 0 ? Math.min(CheckInterval, this.#pause.leftMs) : CheckInterval
      },
      step: () => this.#step(),
    })
  }

  start(): void {
    this.#loop.start()
  }

  wake(): void {
    this.#loop.wake()
  }

  stop(): Promise<void> {
    return this.#loop.stop()
  }

  /** The node did not take a message: its sectors wait together for a later one, unless one of them is the reason. */
  refused(sectors: readonly number[], why: string): void {
    for (const number of sectors) this.#suspects.add(number)
    this.#pause.refused('refused', why)
    this.wake()
  }

  async #step(): Promise<void> {
    const { setup, kind, heads, node, log } = this.#options
    if (this.#pause.leftMs > 0) return
    const waiting = await this.#waiting()
    if (waiting.length === 0) return this.#pause.over()
    const [head, { BlockDelaySecs }] = await Promise.all([heads.fresh(), node.params()])
    const gasIsDear = setup.Commitment.WaitWhileGasIsDear && (await this.#options.baseFees.isDear(head))
    const moment = { epoch: head.Height, epochMs: BlockDelaySecs * 1000, gasIsDear }
    const due = dueSectors(waiting, kind.settings(setup).Batch, moment)
    if (gasIsDear && due.length < waiting.length)
      log.info({ miner: setup.Actor, waiting: waiting.length }, `${kind.title} waits until gas is cheaper`)
    if (due.length === 0) return
    const most = await kind.maxBatch()
    for (let from = 0; from < due.length; from += most) {
      const chunk = due.slice(from, from + most)
      try {
        await this.#process(chunk, head)
      } catch (error) {
        const sectors = chunk.map(({ number }) => number)
        if (error instanceof NobodyPays) this.#park(sectors, errorText(error))
        else log.warn({ err: error, miner: setup.Actor, sectors }, `${kind.title} waits: ${errorText(error)}`)
      }
    }
  }

  /** Waiting sectors that are not part of a message whose fate is open. */
  async #waiting(): Promise<(WaitingSector & { record: SectorState })[]> {
    const { setup, kind, queue, messages, book } = this.#options
    const rows = this.#times.look(await queue.waiting(setup.Actor, kind.name))
    if (rows.length === 0) return []
    const undecided = await messages.undecided(setup.Actor, kind.name)
    const waiting: (WaitingSector & { record: SectorState })[] = []
    for (const row of rows.filter(({ number }) => !undecided.has(number))) {
      const sid = { Miner: setup.Actor, Number: row.number }
      const record = (await book.find(sid))?.record
      if (!isWaiting(record)) await book.transaction(trx => queue.remove(sid, kind.name, trx))
      else waiting.push({ ...row, record, mustLandBy: kind.mustLandBy(record) })
    }
    return waiting
  }

  async #process(due: readonly (WaitingSector & { record: SectorState })[], head: TipSet): Promise<void> {
    const { kind, senders, setup } = this.#options
    const members: M[] = []
    for (const { record } of due) {
      const member = await this.#judge(record, head)
      if (member !== undefined) members.push(member)
    }
    const fit: M[] = []
    // One sender tries all of them; who pays for the message is looked up again.
    let sender: Promise<Address> | undefined
    const trialSender = (): Promise<Address> => {
      sender ??= senders.choose(setup.Actor, kind.settings(setup))
      return sender
    }
    for (const member of members) if (await this.#fits(member, members.length > 1, trialSender, head)) fit.push(member)
    if (fit.length > 0) await this.#sendTried(kind.order(fit), head)
  }

  /** Undefined when the sector is not to be in the message; what cannot be found out now is asked again at the next look. */
  async #judge(record: SectorState, head: TipSet): Promise<M | undefined> {
    const { kind, log } = this.#options
    try {
      const verdict = await kind.judge(record, head)
      if (verdict.outcome === 'send') return verdict.member
      const why = verdict.outcome === 'done' ? verdict.why : (verdict.answer.Desc ?? 'refused')
      await this.#dequeue(record.ID, `not sent: ${why}`)
    } catch (error) {
      log.warn({ err: error, sector: sectorName(record.ID) }, `${kind.title} waits: ${errorText(error)}`)
    }
    return undefined
  }

  /** Tries a member alone, so that one that the actor would refuse does not sink the others; one that cannot be tried now waits. */
  async #fits(member: M, inBatch: boolean, trialSender: () => Promise<Address>, head: TipSet): Promise<boolean> {
    const { setup, kind, node, queue, log } = this.#options
    const sid = member.record.ID
    const isSuspect = this.#suspects.has(sid.Number)
    if (!inBatch && !isSuspect) return true
    try {
      const from = await trialSender()
      const content = await kind.content(setup, [member], head)
      const trial = await tryMessage(node, from, Address.fromId(setup.Actor), content)
      if (trial.result === 'later') {
        this.#park([sid.Number], trial.why)
        return false
      }
      this.#suspects.delete(sid.Number)
      if (trial.result === 'bad') {
        await this.#dequeue(sid, `not sent: the chain would refuse it: ${trial.why}`)
        return false
      }
      if (!isSuspect || trial.result !== 'unknown') return true
      const refusals = await queue.countRefusal(sid, kind.name)
      if (refusals < MOST_REFUSALS) return true
      await this.#dequeue(sid, `not sent: refused ${refusals} times`)
    } catch (error) {
      log.warn({ err: error, sector: sectorName(sid) }, `${kind.title} waits: ${errorText(error)}`)
    }
    return false
  }

  /**
   * Runs a batch before it is sent: one that is too big, or that the chain would refuse as a whole, goes in two; one for which funds are missing
   * waits.
   */
  async #sendTried(members: readonly M[], head: TipSet): Promise<void> {
    const { kind, setup, log } = this.#options
    const outgoing = await this.#outgoing(members, head)
    if (members.length === 1) return this.#send(members, outgoing, head)
    const { plain } = outgoing
    let trial = await this.#try(outgoing)
    let chosen: Outgoing = outgoing
    if (trial.result === 'bad' && plain !== undefined) {
      log.warn(
        { miner: setup.Actor, sectors: outgoing.sectors },
        `the aggregate is not taken, proofs go one by one: ${trial.why}`,
      )
      chosen = { ...outgoing, ...plain }
      trial = await this.#try(chosen)
    }
    if (isToBeSplit(trial)) {
      const half = Math.ceil(members.length / 2)
      for (const part of [members.slice(0, half), members.slice(half)]) await this.#sendTried(kind.order(part), head)
    } else if (trial.result === 'later') this.#park(outgoing.sectors, trial.why)
    else await this.#send(members, chosen, head)
  }

  #try({ sender, method, params, value }: Outgoing): Promise<Trial> {
    const { node, setup } = this.#options
    return tryMessage(node, sender, Address.fromId(setup.Actor), { method, params, value })
  }

  /** Nothing is wrong with the sectors, but nobody can pay for their message. */
  #park(sectors: readonly number[], why: string): void {
    const { kind, setup, log } = this.#options
    log.error({ miner: setup.Actor, sectors }, `${kind.title} waits for funds, top up the sender or the miner: ${why}`)
    this.#pause.refused('funds', why)
  }

  async #send(members: readonly M[], outgoing: Outgoing, head: TipSet): Promise<void> {
    const { desk, book, kind, messages, setup } = this.#options
    const claim = async (trx: Knex.Transaction): Promise<void> => {
      for (const member of members) {
        const record = (await book.find(member.record.ID, trx))?.record
        if (!isWaiting(record) || !kind.isSame(member, record)) throw new ChangedMeanwhile(sectorName(member.record.ID))
      }
      // Only now: another manager that had a record locked has written its intent.
      const undecided = await messages.undecided(setup.Actor, kind.name, trx)
      const taken = members.find(({ record }) => undecided.has(record.ID.Number))
      if (taken !== undefined) throw new ChangedMeanwhile(sectorName(taken.record.ID))
    }
    try {
      const outcome = await desk.send(outgoing, head, claim)
      if (outcome.result === 'pushed') this.#pause.over()
      if (outcome.result === 'refused') this.refused(outgoing.sectors, outcome.error.message)
    } catch (error) {
      if (!(error instanceof ChangedMeanwhile)) throw error
      this.wake()
    }
  }

  async #outgoing(members: readonly M[], head: TipSet): Promise<Outgoing & Pick<BatchChoice, 'plain'>> {
    const { setup, kind, senders } = this.#options
    const settings = kind.settings(setup)
    const fees = members.length > 1 || kind.singleByBatchFees ? settings.Batch : settings
    return {
      kind: kind.name,
      miner: setup.Actor,
      sender: await senders.choose(setup.Actor, settings),
      ...(await kind.content(setup, members, head)),
      fees: feesOf(fees),
      sectors: members.map(({ record }) => record.ID.Number),
    }
  }

  /** Gives a sector back to its worker, which asks and submits again. */
  async #dequeue(sid: SectorID, detail: string): Promise<void> {
    const { book, queue, kind, log } = this.#options
    log.warn({ sector: sectorName(sid) }, `${kind.title} ${detail}`)
    await book.amend(
      sid,
      async (record, trx) => {
        record.MessageInfo.NeedSend = false
        await queue.remove(sid, kind.name, trx)
      },
      { actor: 'manager', event: kind.title, detail },
    )
  }
}
