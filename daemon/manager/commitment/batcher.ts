import type { Knex } from 'knex'
import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import type { SectorState } from '../../../rpc-schema/manager/sector-state.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { type SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import type { ChainNode } from '../chain/chain-node.js'
import type { HeadTracker } from '../chain/head-tracker.js'
import { BackgroundLoop } from '../concurrency/background-loop.js'
import type { MinerSetup } from '../config/load-settings.js'
import type { SectorBook } from '../sectors/sector-book.js'
import { dueSectors, type WaitingSector } from './batch-policy.js'
import type { CommitKind } from './commit-kind.js'
import { tryMessage } from './member-trial.js'
import type { MessageDesk, Outgoing } from './message-desk.js'
import type { MessageRepository } from './message-repository.js'
import type { QueueRepository } from './queue-repository.js'
import type { Senders } from './senders.js'

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
  clock: Clock
  log: Logger
}

/** After the node has refused a message the next one is not tried before this, ms. */
const REFUSAL_PAUSE_MS = 5_000
/** A sector that is refused so often without a reason that could be found is handed back to its worker. */
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
  #notBefore = 0

  constructor(options: BatcherOptions<M>) {
    this.#options = options
    const { setup, kind, log, clock } = options
    this.#loop = new BackgroundLoop({
      name: `${kind.title} of miner ${setup.Actor}`,
      log,
      clock,
      intervalMs: () => kind.settings(setup).Batch.CheckInterval,
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

  async #step(): Promise<void> {
    const { setup, kind, heads, clock, node } = this.#options
    if (clock.monotonic() < this.#notBefore) return
    const waiting = await this.#waiting()
    if (waiting.length === 0) return
    const [head, { BlockDelaySecs }] = await Promise.all([heads.fresh(), node.params()])
    const moment = { now: clock.now(), epoch: head.Height, epochMs: BlockDelaySecs * 1000 }
    const due = dueSectors(waiting, kind.settings(setup).Batch, moment)
    for (let from = 0; from < due.length; from += kind.maxBatch)
      await this.#process(due.slice(from, from + kind.maxBatch), head)
  }

  /** Waiting sectors that are not part of a message whose fate is open. */
  async #waiting(): Promise<(WaitingSector & { record: SectorState })[]> {
    const { setup, kind, queue, messages, book } = this.#options
    const rows = await queue.waiting(setup.Actor, kind.name)
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
    const { kind } = this.#options
    const members: M[] = []
    for (const { record } of due) {
      const member = await this.#judge(record, head)
      if (member !== undefined) members.push(member)
    }
    const fit = members.length > 1 ? await this.#withoutBad(members, head) : members
    if (fit.length > 0) await this.#send(kind.order(fit), head)
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

  /** Tries each member alone, so that one that the actor would refuse does not sink the others. */
  async #withoutBad(members: readonly M[], head: TipSet): Promise<M[]> {
    const fit: M[] = []
    for (const member of members) if (!(await this.#isBad(member, head))) fit.push(member)
    return fit
  }

  async #isBad(member: M, head: TipSet): Promise<boolean> {
    const { setup, kind, node, senders } = this.#options
    const from = await senders.choose(setup.Actor, kind.settings(setup))
    const content = await kind.content(setup, [member], head)
    const trial = await tryMessage(node, from, Address.fromId(setup.Actor), content)
    if (trial.result !== 'bad') return false
    await this.#dequeue(member.record.ID, `not sent: the chain would refuse it: ${trial.why}`)
    return true
  }

  async #send(members: readonly M[], head: TipSet): Promise<void> {
    const { desk, book, kind } = this.#options
    const outgoing = await this.#outgoing(members, head)
    const claim = async (trx: Knex.Transaction): Promise<void> => {
      for (const member of members) {
        const record = (await book.find(member.record.ID, trx))?.record
        if (!isWaiting(record) || !kind.isSame(member, record)) throw new ChangedMeanwhile(sectorName(member.record.ID))
      }
    }
    try {
      const outcome = await desk.send(outgoing, head, claim)
      if (outcome.result !== 'refused') return
      if (members.length === 1) await this.#refused(members[0]!, head)
      // Whoever is the reason is found when each one goes alone.
      else for (const member of members) await this.#send([member], head)
    } catch (error) {
      if (!(error instanceof ChangedMeanwhile)) throw error
      this.wake()
    }
  }

  async #outgoing(members: readonly M[], head: TipSet): Promise<Outgoing> {
    const { setup, kind, senders } = this.#options
    const settings = kind.settings(setup)
    const fees = members.length > 1 || kind.singleByBatchFees ? settings.Batch : settings
    return {
      kind: kind.name,
      miner: setup.Actor,
      sender: await senders.choose(setup.Actor, settings),
      ...(await kind.content(setup, members, head)),
      gasFeeCap: fees.GasFeeCap || fees.MaxFeeCap || 0n,
      sectors: members.map(({ record }) => record.ID.Number),
    }
  }

  /** A sector that the node did not take stays in the queue, unless it is itself the reason. */
  async #refused(member: M, head: TipSet): Promise<void> {
    const { kind, queue, clock } = this.#options
    this.#notBefore = clock.monotonic() + REFUSAL_PAUSE_MS
    if (await this.#isBad(member, head)) return
    const refusals = await queue.countRefusal(member.record.ID, kind.name)
    if (refusals >= MOST_REFUSALS) await this.#dequeue(member.record.ID, `not sent: refused ${refusals} times`)
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
