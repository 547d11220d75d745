import type { Knex } from 'knex'
import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { bytesEqual } from '../../../rpc-schema/wire/bytes.js'
import { sectorName } from '../../../rpc-schema/wire/sector-id.js'
import type { Clock } from '../../kit/clock.js'
import type { ChainNode } from '../chain/chain-node.js'
import type { MinerFacts } from '../chain/miner-facts.js'
import { feesOf } from '../commitment/fees.js'
import { isToBeSplit, type Trial, tryMessage } from '../commitment/member-trial.js'
import type { Sending } from '../commitment/sending.js'
import type { MinerSetup } from '../config/load-settings.js'
import type { SectorBook } from '../sectors/sector-book.js'
import type { JobRepository } from './job-repository.js'
import { type ReadyUpdate, updateMessage, updateProofOf } from './update-message.js'
import type { StepOutcome } from './update-steps.js'

export interface UpdateSenderOptions {
  book: SectorBook
  node: ChainNode
  facts: Pick<MinerFacts, 'rules'>
  sending: Sending
  jobs: JobRepository
  clock: Clock
}

/**
 * Updates in one message. The miner actor takes 256, the pools of nodes 64 KiB, which is 20 updates of 32 GiB sectors; and the sectors of all are held for
 * as long as it takes to try and to send them.
 */
export const MOST_UPDATES = 16

/** Each update of a round, and what became of it. */
export type Sent = readonly { readonly update: ReadyUpdate; readonly outcome: StepOutcome }[]

interface Round {
  readonly setup: MinerSetup
  readonly sender: Address
  readonly head: TipSet
}

const DONE: StepOutcome = { kind: 'done' }

/** Somebody changed a job or a record between the check and the message. */
class ChangedMeanwhile extends Error {}

/** Puts upgrades that are ready at the same time into one message: it costs less than one for each. */
export class UpdateSender {
  readonly #options: UpdateSenderOptions

  constructor(options: UpdateSenderOptions) {
    this.#options = options
  }

  /** All of one miner; the caller has their sectors for itself. */
  async send(updates: readonly ReadyUpdate[], setup: MinerSetup, head: TipSet): Promise<Sent> {
    if (updates.length === 0) return []
    const sender = await this.#options.sending.senders.choose(setup.Actor, setup.SnapUp)
    const round = { setup, sender, head }
    const sent: Sent[] = []
    for (const proof of new Set(updates.map(updateProofOf))) {
      const group = updates.filter(update => updateProofOf(update) === proof)
      const fit: ReadyUpdate[] = []
      for (const update of group) {
        // The chain takes a message with one bad update and pays for the others only: each is tried alone first.
        const trial = group.length > 1 ? await this.#try([update], round) : undefined
        if (trial?.result === 'bad') sent.push([{ update, outcome: refused(trial.why) }])
        else fit.push(update)
      }
      if (fit.length > 0) sent.push(await this.#sendTried(fit, round))
    }
    return sent.flat()
  }

  /** What fails here is of these updates alone: messages with others may be on their way already. */
  async #sendTried(updates: readonly ReadyUpdate[], round: Round): Promise<Sent> {
    try {
      return await this.#sendSplit(updates, round)
    } catch (error) {
      const outcome: StepOutcome = { kind: 'again', why: errorText(error), error }
      return updates.map(update => ({ update, outcome }))
    }
  }

  /** One that is too big, or that the chain would refuse as a whole, goes in two. */
  async #sendSplit(updates: readonly ReadyUpdate[], round: Round): Promise<Sent> {
    const trial = await this.#try(updates, round)
    if (updates.length > 1 && isToBeSplit(trial)) {
      const half = Math.ceil(updates.length / 2)
      return [
        ...(await this.#sendTried(updates.slice(0, half), round)),
        ...(await this.#sendTried(updates.slice(half), round)),
      ]
    }
    const outcome = trial.result === 'bad' ? refused(trial.why) : await this.#push(updates, round)
    return updates.map(update => ({ update, outcome }))
  }

  async #try(updates: readonly ReadyUpdate[], { sender, setup, head }: Round): Promise<Trial> {
    const { node, facts } = this.#options
    const content = await updateMessage(node, updates, { setup, head, rules: await facts.rules() })
    return tryMessage(node, sender, Address.fromId(setup.Actor), content)
  }

  async #push(updates: readonly ReadyUpdate[], { sender, setup, head }: Round): Promise<StepOutcome> {
    const { node, facts, sending, jobs, clock } = this.#options
    const content = await updateMessage(node, updates, { setup, head, rules: await facts.rules() })
    const outgoing = {
      kind: 'update',
      miner: setup.Actor,
      sender,
      ...content,
      fees: feesOf(setup.SnapUp),
      sectors: updates.map(({ record }) => record.ID.Number),
    } as const
    try {
      const outcome = await sending.desk.send(outgoing, head, async trx => {
        for (const update of updates) await this.#claim(update, trx)
      })
      if (outcome.result !== 'refused') return DONE
      for (const { record } of updates) await jobs.update(record.ID, { state: 'submitting' }, clock.now())
      return { kind: 'again', why: `the message was refused: ${outcome.error.message}` }
    } catch (error) {
      if (error instanceof ChangedMeanwhile) return DONE
      throw error
    }
  }

  /** Runs with the intent of the message: what is sent is what the record says, and the job waits for it. */
  async #claim({ record: { ID: sid }, upgraded }: ReadyUpdate, trx: Knex.Transaction): Promise<void> {
    const { jobs, book, clock } = this.#options
    const job = await jobs.find(sid, trx)
    const record = (await book.find(sid, trx))?.record
    const same = record?.UpgradedInfo && bytesEqual(record.UpgradedInfo.Proof, upgraded.Proof)
    if (job?.state !== 'submitting' || !same) throw new ChangedMeanwhile(sectorName(sid))
    await jobs.update(sid, { state: 'waiting', note: 'the message is on its way' }, clock.now(), trx)
  }
}

const refused = (why: string): StepOutcome => ({ kind: 'failed', why: `the chain would refuse it: ${why}` })
