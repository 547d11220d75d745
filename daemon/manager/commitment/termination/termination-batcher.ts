import type { Knex } from 'knex'
import type { SectorsOfPartition } from '../../../../rpc-schema/actors/miner-post.js'
import { TerminateSectorsParams } from '../../../../rpc-schema/actors/miner-sectors.js'
import type { TipSet } from '../../../../rpc-schema/chain/tipset.js'
import { errorText } from '../../../../rpc-schema/seal-error.js'
import { Address } from '../../../../rpc-schema/wire/address.js'
import type { Clock } from '../../../kit/clock.js'
import type { Logger } from '../../../kit/log.js'
import type { ChainNode } from '../../chain/chain-node.js'
import type { HeadTracker } from '../../chain/head-tracker.js'
import { liveSectors } from '../../chain/live-sectors.js'
import type { MinerFacts } from '../../chain/miner-facts.js'
import { isMutable } from '../../chain/mutable-deadlines.js'
import type { NetworkRules } from '../../chain/network-version.js'
import { BackgroundLoop } from '../../concurrency/background-loop.js'
import type { MinerSetup } from '../../config/load-settings.js'
import type { SectorBook } from '../../sectors/sector-book.js'
import type { BaseFeeWatch } from '../base-fee-watch.js'
import { dueSectors } from '../batch-policy.js'
import { feesOf } from '../fees.js'
import { isToBeSplit, tryMessage } from '../member-trial.js'
import type { QueueRepository } from '../queue-repository.js'
import { RefusalPause } from '../refusal-pause.js'
import { NobodyPays } from '../senders.js'
import type { Sending } from '../sending.js'
import { WaitingTimes } from '../waiting-times.js'
import { declarations, halves, messages, sectorsOf } from './termination-messages.js'

export interface TerminationBatcherOptions {
  setup: MinerSetup
  book: SectorBook
  node: ChainNode
  sending: Sending
  queue: QueueRepository
  heads: HeadTracker
  facts: Pick<MinerFacts, 'rules'>
  baseFees: BaseFeeWatch
  clock: Clock
  log: Logger
  /** Writes down that sectors cannot be ended, and takes them out of the queue. */
  failed(numbers: readonly number[], why: string, trx: Knex.Transaction): Promise<void>
}

/** Messages tried in one round: what is left waits for the next. */
const MOST_TRIALS = 100

/** One look at what waits. */
interface Round {
  readonly head: TipSet
  readonly rules: NetworkRules
  /** How many messages may still be tried. */
  trials: number
}

/** A sector was taken out of the queue between its check and its message. */
class ChangedMeanwhile extends Error {}

/** Puts the sectors of one miner that are to be ended into messages. Those whose deadline is being proven wait. */
export class TerminationBatcher {
  readonly #options: TerminationBatcherOptions
  readonly #loop: BackgroundLoop
  readonly #pause: RefusalPause
  readonly #times: WaitingTimes

  constructor(options: TerminationBatcherOptions) {
    this.#options = options
    const { setup, log, clock } = options
    this.#pause = new RefusalPause(clock, options.sending.alarms, `terminate of miner ${setup.Actor}`)
    this.#times = new WaitingTimes(clock)
    this.#loop = new BackgroundLoop({
      name: `terminations of miner ${setup.Actor}`,
      log,
      clock,
      intervalMs: () => {
        const { CheckInterval } = setup.Commitment.Terminate.Batch
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

  /** The node did not take a message: what it was for is tried again later. */
  refused(why: string): void {
    this.#pause.refused('refused', why)
    this.wake()
  }

  async #step(): Promise<void> {
    const { setup, queue, sending, heads, node, facts } = this.#options
    if (this.#pause.leftMs > 0) return
    const undecided = await sending.messages.undecided(setup.Actor, 'terminate')
    const queued = this.#times.look(await queue.waiting(setup.Actor, 'terminate'))
    const waiting = queued.filter(({ number }) => !undecided.has(number))
    if (waiting.length === 0) return this.#pause.over()
    const [head, { BlockDelaySecs }] = await Promise.all([heads.fresh(), node.params()])
    const gasIsDear = setup.Commitment.WaitWhileGasIsDear && (await this.#options.baseFees.isDear(head))
    const moment = { epoch: head.Height, epochMs: BlockDelaySecs * 1000, gasIsDear }
    const due = dueSectors(
      waiting.map(one => ({ ...one, mustLandBy: undefined })),
      setup.Commitment.Terminate.Batch,
      moment,
    ).map(({ number }) => number)
    if (due.length === 0) return
    const present = await node.api.StateMinerProvingDeadline(Address.fromId(setup.Actor), head.Cids)
    const live = await liveSectors(node, setup.Actor, due, present, head)
    const gone = due.filter(number => !live.has(number))
    if (gone.length > 0) await this.#giveUp(gone, 'the chain has ended it already')
    const mutable = new Map([...live].filter(([, { Deadline }]) => isMutable(present, Deadline)))
    const round = { head, rules: await facts.rules(), trials: MOST_TRIALS }
    for (const message of messages(declarations(mutable), round.rules.addressed)) await this.#sendTried(message, round)
  }

  /** Runs the message first: one that is too big goes in two, one that the chain would refuse goes without the partitions that are the reason. */
  async #sendTried(message: SectorsOfPartition[], round: Round): Promise<void> {
    const { setup, node, sending, log } = this.#options
    if (round.trials <= 0) return
    round.trials -= 1
    const sectors = sectorsOf(message)
    try {
      const sender = await sending.senders.choose(setup.Actor, setup.Commitment.Terminate)
      const trial = await tryMessage(node, sender, Address.fromId(setup.Actor), contentOf(message, round.rules))
      const parts = isToBeSplit(trial) ? halves(message, round.rules.addressed) : undefined
      if (parts !== undefined) for (const part of parts) await this.#sendTried(part, round)
      else if (trial.result === 'bad') await this.#giveUp(sectors, `the chain would refuse it: ${trial.why}`)
      else if (trial.result === 'later') throw new NobodyPays(trial.why)
      else await this.#send(message, sender, round)
    } catch (error) {
      if (error instanceof NobodyPays) this.#pause.refused('funds', errorText(error))
      log.warn({ err: error, miner: setup.Actor, sectors }, `terminate waits: ${errorText(error)}`)
    }
  }

  async #send(message: SectorsOfPartition[], sender: Address, { head, rules }: Round): Promise<void> {
    const { setup, sending, queue } = this.#options
    const sectors = sectorsOf(message)
    const outgoing = {
      kind: 'terminate',
      miner: setup.Actor,
      sender,
      ...contentOf(message, rules),
      fees: feesOf(setup.Commitment.Terminate.Batch),
      sectors,
    } as const
    const claim = async (trx: Knex.Transaction): Promise<void> => {
      const notWaiting = (number: number) => new ChangedMeanwhile(`sector ${number} is not waiting any more`)
      for (const number of sectors)
        if (!(await queue.keep({ Miner: setup.Actor, Number: number }, 'terminate', trx))) throw notWaiting(number)
      // Only now: another manager that had them locked has written its intent.
      const undecided = await sending.messages.undecided(setup.Actor, 'terminate', trx)
      const taken = sectors.find(number => undecided.has(number))
      if (taken !== undefined) throw notWaiting(taken)
    }
    try {
      const outcome = await sending.desk.send(outgoing, head, claim)
      if (outcome.result === 'pushed') this.#pause.over()
      if (outcome.result === 'refused') this.refused(outcome.error.message)
    } catch (error) {
      if (!(error instanceof ChangedMeanwhile)) throw error
      this.wake()
    }
  }

  async #giveUp(numbers: readonly number[], why: string): Promise<void> {
    const { setup, book, failed, log } = this.#options
    log.warn({ miner: setup.Actor, sectors: numbers }, `not terminated: ${why}`)
    await book.transaction(trx => failed(numbers, why, trx))
  }
}

const contentOf = (Terminations: SectorsOfPartition[], { methods }: NetworkRules) => ({
  method: methods.terminate,
  params: TerminateSectorsParams.encode({ Terminations }),
  value: 0n,
})
