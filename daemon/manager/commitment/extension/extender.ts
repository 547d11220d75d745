import {
  type ExpirationExtension2,
  ExtendSectorExpiration2Params,
} from '../../../../rpc-schema/actors/miner-sectors.js'
import type { SectorLocation, SectorOnChainInfo } from '../../../../rpc-schema/chain/sectors.js'
import type { TipSet } from '../../../../rpc-schema/chain/tipset.js'
import type {
  ExpiringSectors,
  ExtensionOptions,
  ExtensionPlan,
  ExtensionResult,
} from '../../../../rpc-schema/manager/sector-life.js'
import { errorText } from '../../../../rpc-schema/seal-error.js'
import { Address } from '../../../../rpc-schema/wire/address.js'
import { Bitfield } from '../../../../rpc-schema/wire/bitfield.js'
import type { Logger } from '../../../kit/log.js'
import type { ChainNode } from '../../chain/chain-node.js'
import type { HeadTracker } from '../../chain/head-tracker.js'
import type { MinerFacts } from '../../chain/miner-facts.js'
import { KeyedLock } from '../../concurrency/keyed-lock.js'
import type { MinerSetup } from '../../config/load-settings.js'
import type { SectorBook } from '../../sectors/sector-book.js'
import { feesOf } from '../fees.js'
import { isToBeSplit, tryMessage } from '../member-trial.js'
import { DEFAULT_CONFIDENCE } from '../message-effects.js'
import type { Sending } from '../sending.js'
import { extensionEffects } from './extension-effects.js'
import { type Extended, extensionDeclarations, extensionMessages, halvesOf, numbersOf } from './extension-messages.js'
import { type Claim, extensionOf, latestExpiration } from './sector-extension.js'

export interface ExtenderOptions {
  miners: ReadonlyMap<number, MinerSetup>
  book: Pick<SectorBook, 'note'>
  node: ChainNode
  sending: Sending
  heads: HeadTracker
  facts: MinerFacts
  log: Logger
}

/** Epochs from now, where the operator names none: an hour, 32 days. */
const WINDOW = { from: 120, to: 92_160 } as const
/** Messages tried for one request. */
const MOST_TRIALS = 200
/** Sectors whose infos are asked for at once. */
const INFOS_A_CALL = 10_000

interface Planned {
  readonly plan: ExtensionPlan
  readonly messages: ExpirationExtension2[][]
  readonly head: TipSet
}

interface Active {
  readonly info: SectorOnChainInfo
  readonly at: SectorLocation
}

/** Extends the lives of sectors, as an operator asks for it. */
export class Extender {
  readonly #options: ExtenderOptions
  /** One request at a time for a miner: the second one sees the messages of the first. */
  readonly #locks = new KeyedLock()

  constructor(options: ExtenderOptions) {
    this.#options = options
    const { miners, sending } = options
    const confidence = (miner: number): number => miners.get(miner)?.Commitment.Confidence ?? DEFAULT_CONFIDENCE
    sending.desk.register('extend', { confidence, ...extensionEffects(options.book) })
  }

  async expiring(miner: number, cutoff: number): Promise<ExpiringSectors> {
    const { heads, node } = this.#options
    const [head, rules, { BlockDelaySecs }] = await Promise.all([heads.fresh(), this.#rules(), node.params()])
    const Sectors: ExpiringSectors['Sectors'] = []
    for await (const { info } of this.#active(miner, null, head)) {
      if (info.Expiration - head.Height > cutoff) continue
      const { ever, now } = latestExpiration(info, { ...rules, epoch: head.Height })
      const { SectorNumber, SealProof, InitialPledge, Activation, Expiration } = info
      Sectors.push({
        Number: SectorNumber,
        SealProof,
        InitialPledge,
        Activation,
        Expiration,
        MaxExpiration: ever,
        MaxExtendNow: now,
      })
    }
    Sectors.sort((a, b) => a.Expiration - b.Expiration || a.Number - b.Number)
    return { Miner: miner, Epoch: head.Height, BlockDelaySecs, Sectors }
  }

  async plan(miner: number, options: ExtensionOptions): Promise<ExtensionPlan> {
    return (await this.#plan(miner, options)).plan
  }

  /** Throws an Error only before anything is sent; afterwards the result says what became of each message. */
  extend(miner: number, options: ExtensionOptions): Promise<ExtensionResult> {
    return this.#locks.run(String(miner), async () => {
      const { plan, messages, head } = await this.#plan(miner, options)
      const result: ExtensionResult = { Plan: plan, Sent: [] }
      const budget = { trials: MOST_TRIALS }
      for (const message of messages) await this.#sendTried(miner, message, options, head, budget, result)
      return result
    })
  }

  async #plan(miner: number, options: ExtensionOptions): Promise<Planned> {
    const { heads, node, sending } = this.#options
    this.#setup(miner)
    const head = await heads.fresh()
    const { Numbers, Exclude, Tolerance, MaxSectors } = options
    const from = options.From || head.Height + WINDOW.from
    const to = options.To || head.Height + WINDOW.to
    const { life, addressed } = await this.#rules()
    const rules = {
      life,
      epoch: head.Height,
      extension: options.Extension,
      newExpiration: options.NewExpiration,
      tolerance: Tolerance,
      onlyCommittedCapacity: options.OnlyCC,
      dropClaims: options.DropClaims,
    }
    const [claims, onTheirWay] = await Promise.all([
      claimsBySector(node, miner, head),
      sending.messages.inFlightSectors(miner, 'extend'),
    ])
    const LeftOut: ExtensionPlan['LeftOut'] = []
    const chosen: Extended[] = []
    const seen = new Set<number>()
    for await (const { info, at } of this.#active(miner, Numbers, head)) {
      const { SectorNumber: number, Expiration } = info
      seen.add(number)
      if (Exclude?.has(number)) continue
      if (Numbers === null && (Expiration < from || Expiration > to)) continue
      const extension = onTheirWay.has(number)
        ? { leftOut: 'a message that extends it is on its way' }
        : extensionOf(info, claims.get(number) ?? [], rules)
      if ('leftOut' in extension) LeftOut.push({ Number: number, Reason: extension.leftOut })
      else chosen.push({ number, at, from: Expiration, ...extension })
    }
    for (const number of Numbers ?? [])
      if (!seen.has(number) && !Exclude?.has(number))
        LeftOut.push({ Number: number, Reason: 'it is not active: unproven, faulty, ended or unknown' })
    const sectors = MaxSectors > 0 ? Math.min(MaxSectors, addressed.sectors) : addressed.sectors
    const messages = extensionMessages(extensionDeclarations(chosen, Tolerance), { ...addressed, sectors })
    LeftOut.sort((a, b) => a.Number - b.Number)
    const Messages = messages.map(message => message.map(planned))
    return { plan: { Miner: miner, Epoch: head.Height, Messages, LeftOut }, messages, head }
  }

  /** Runs the message first: one that is too big goes in two, one that the chain would refuse goes without the sectors that are the reason. */
  async #sendTried(
    miner: number,
    message: ExpirationExtension2[],
    options: ExtensionOptions,
    head: TipSet,
    budget: { trials: number },
    result: ExtensionResult,
  ): Promise<void> {
    const { node, sending, log } = this.#options
    const numbers = numbersOf(message)
    const note = (Cid: string | null, error: string): void => {
      result.Sent.push({ Sectors: Bitfield.of(numbers), Cid, Error: error })
    }
    if (budget.trials <= 0) return note(null, 'not tried: too much was refused before; ask again')
    budget.trials -= 1
    try {
      const setup = this.#setup(miner)
      const sender = await sending.senders.choose(miner, { Sender: null, Senders: [] })
      const { methods, addressed } = await this.#rules()
      const content = {
        method: methods.extend,
        params: ExtendSectorExpiration2Params.encode({ Extensions: message }),
        value: 0n,
      }
      const trial = await tryMessage(node, sender, Address.fromId(miner), content)
      const parts = isToBeSplit(trial) ? halvesOf(message, addressed) : undefined
      if (parts !== undefined) {
        for (const part of parts) await this.#sendTried(miner, part, options, head, budget, result)
        return
      }
      if (trial.result === 'bad' || trial.result === 'later') return note(null, trial.why)
      const fees = { ...feesOf(setup.Commitment.Prove.Batch), ...(options.MaxFee > 0n && { maxFee: options.MaxFee }) }
      const outcome = await sending.desk.send(
        { kind: 'extend', miner, sender, ...content, fees, sectors: numbers },
        head,
      )
      if (outcome.result === 'pushed') return note(outcome.cid, '')
      note(
        null,
        outcome.result === 'refused'
          ? errorText(outcome.error)
          : 'the node has not answered: what became of the message is found out; look again before extending once more',
      )
    } catch (error) {
      log.warn({ err: error, miner }, `extension not sent: ${errorText(error)}`)
      note(null, errorText(error))
    }
  }

  /** Active sectors (of these, or all) with their places, deadline after deadline. */
  async *#active(miner: number, numbers: Bitfield | null, head: TipSet): AsyncGenerator<Active> {
    const { node } = this.#options
    const address = Address.fromId(miner)
    const { WPoStPeriodDeadlines } = await node.api.StateMinerProvingDeadline(address, head.Cids)
    for (let Deadline = 0; Deadline < WPoStPeriodDeadlines; Deadline++) {
      for (const [Partition, { ActiveSectors }] of (
        await node.api.StateMinerPartitions(address, Deadline, head.Cids)
      ).entries()) {
        const wanted = (numbers === null ? ActiveSectors : ActiveSectors.intersect(numbers)).toArray()
        for (let from = 0; from < wanted.length; from += INFOS_A_CALL) {
          const some = Bitfield.of(wanted.slice(from, from + INFOS_A_CALL))
          for (const info of await node.api.StateMinerSectors(address, some, head.Cids))
            yield { info, at: { Deadline, Partition } }
        }
      }
    }
  }

  #rules() {
    return this.#options.facts.rules()
  }

  #setup(miner: number): MinerSetup {
    const setup = this.#options.miners.get(miner)
    if (setup === undefined) throw new Error(`config for miner actor ${miner} not found`)
    return setup
  }
}

const planned = ({ Deadline, Partition, Sectors, SectorsWithClaims, NewExpiration }: ExpirationExtension2) => ({
  Deadline,
  Partition,
  Sectors: Sectors.union(Bitfield.of(SectorsWithClaims.map(({ SectorNumber }) => SectorNumber))),
  DropClaims: SectorsWithClaims.flatMap(({ DropClaims }) => DropClaims),
  NewExpiration,
})

async function claimsBySector(node: ChainNode, miner: number, head: TipSet): Promise<Map<number, Claim[]>> {
  const bySector = new Map<number, Claim[]>()
  for (const [id, claim] of Object.entries(await node.api.StateGetClaims(Address.fromId(miner), head.Cids))) {
    const claims = bySector.get(claim.Sector)
    if (claims === undefined) bySector.set(claim.Sector, [{ id: Number(id), ...claim }])
    else claims.push({ id: Number(id), ...claim })
  }
  return bySector
}
