import { createHash } from 'node:crypto'
import { METHODS } from '../../../rpc-schema/actors/actor-methods.js'
import { DeclareFaultsRecoveredParams, type SectorsOfPartition } from '../../../rpc-schema/actors/miner-post.js'
import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import {
  type DeadlineInfo,
  faultCutoffPassed,
  newDeadlineInfo,
  nextPeriodStart,
} from '../../../rpc-schema/wire/deadline.js'
import { isInFlight } from '../commitment/chain-message.js'
import { feesOf } from '../commitment/fees.js'
import { epochMs, type PosterParts } from './poster-parts.js'

/** A declaration must land before the cutoff: it is not sent in the last epochs before. */
const LANDING_EPOCHS = 5
/** Sectors that were not well yet are looked at again after so many epochs, while there is time. */
const LOOK_AGAIN_EPOCHS = 15
/** How often one declaration is sent again that failed or was lost. */
const MOST_ATTEMPTS = 4

interface Declared {
  readonly open: number
  /** Sectors that were declared for this deadline in this period. */
  count: number
  /** Height at which the sectors are looked at; undefined: nothing is left to be declared. */
  nextLook: number | undefined
}

/** The first deadline for which a recovery sent now lands before its cutoff. On mainnet it is the second after the present one. */
export function recoveryTarget(present: DeadlineInfo, height: number): DeadlineInfo {
  let { PeriodStart, Index } = present
  for (;;) {
    if (Index >= present.WPoStPeriodDeadlines) {
      PeriodStart = nextPeriodStart({ ...present, PeriodStart })
      Index = 0
    }
    const target = newDeadlineInfo(PeriodStart, Index, height, present)
    if (target.FaultCutoff > height + landingEpochs(present)) return target
    Index += 1
  }
}

/** On chains with short windows there is less time for everything. */
const landingEpochs = (present: DeadlineInfo): number =>
  Math.min(LANDING_EPOCHS, Math.ceil(present.FaultDeclarationCutoff / 10))

/** Declares sectors that were faulty and can be proven again, so that they are proven in their next window. */
export class RecoveryDeclarations {
  readonly #parts: PosterParts
  readonly #declared = new Map<number, Declared>()
  readonly #working = new Map<number, Promise<void>>()

  constructor(parts: PosterParts) {
    this.#parts = parts
  }

  /** Begins to look, in the background, when it is time to. */
  onHead(miner: number, present: DeadlineInfo, head: TipSet): void {
    if (this.#working.has(miner)) return
    const target = recoveryTarget(present, head.Height)
    let declared = this.#declared.get(miner)
    if (declared?.open !== target.Open) {
      declared = { open: target.Open, count: 0, nextLook: head.Height }
      this.#declared.set(miner, declared)
    }
    if (declared.nextLook === undefined || head.Height < declared.nextLook) return
    const work = this.#look(miner, target, declared, head)
      .catch((error: unknown) => {
        this.#parts.log.error(
          { miner, deadline: target.Index, err: error },
          `recoveries of deadline ${target.Index} not declared, it is tried again: ${errorText(error)}`,
        )
      })
      .finally(() => this.#working.delete(miner))
    this.#working.set(miner, work)
  }

  async idle(): Promise<void> {
    await Promise.all(this.#working.values())
  }

  async #look(miner: number, target: DeadlineInfo, declared: Declared, head: TipSet): Promise<void> {
    const found = await this.#recovered(miner, target, declared, head)
    for (const message of found.messages) {
      await this.#send(miner, target, message)
      declared.count += message.reduce((sum, { Sectors }) => sum + Sectors.count, 0)
    }
    declared.nextLook = found.isMoreLeft ? head.Height + LOOK_AGAIN_EPOCHS : undefined
  }

  /** What can be declared, in messages of as many partitions as are set. */
  async #recovered(
    miner: number,
    target: DeadlineInfo,
    declared: Declared,
    head: TipSet,
  ): Promise<{ messages: SectorsOfPartition[][]; isMoreLeft: boolean }> {
    const { node, sending, log, settings } = this.#parts
    const { MaxRecoverSectorLimit: limit, MaxPartitionsPerRecoveryMessage: perMessage } = settings(miner)
    const partitions = await node.api.StateMinerPartitions(Address.fromId(miner), target.Index, head.Cids)
    const onTheirWay = Bitfield.of(await sending.messages.inFlightSectors(miner, 'recover'))
    const entries: SectorsOfPartition[] = []
    let room = limit > 0 ? limit - declared.count : Number.POSITIVE_INFINITY
    let isMoreLeft = false
    for (const [index, { FaultySectors, RecoveringSectors }] of partitions.entries()) {
      const unrecovered = FaultySectors.subtract(RecoveringSectors).subtract(onTheirWay)
      if (unrecovered.isEmpty) continue
      if (room <= 0) {
        log.warn({ miner, deadline: target.Index }, `reached recovering sector limit ${limit}`)
        break
      }
      const well = await this.#well(miner, unrecovered, target, head)
      if (well.length < unrecovered.count) isMoreLeft = true
      if (well.length > room)
        log.warn({ miner }, `only adding ${room} sectors to respect RecoveringSectorLimit ${limit}`)
      const numbers = well.slice(0, room)
      room -= numbers.length
      if (numbers.length > 0) entries.push({ Deadline: target.Index, Partition: index, Sectors: Bitfield.of(numbers) })
    }
    if (entries.length === 0 && isMoreLeft) log.warn({ miner, deadline: target.Index }, 'No recoveries to declare')
    const size = perMessage > 0 ? perMessage : Math.max(1, entries.length)
    const messages = Array.from({ length: Math.ceil(entries.length / size) }, (_, at) =>
      entries.slice(at * size, (at + 1) * size),
    )
    return { messages, isMoreLeft }
  }

  /** Those that can be proven, ascending. */
  async #well(miner: number, sectors: Bitfield, target: DeadlineInfo, head: TipSet): Promise<number[]> {
    const { node, facts, provable, log, settings } = this.#parts
    const [infos, { WindowPoStProofType }] = await Promise.all([
      node.api.StateMinerSectors(Address.fromId(miner), sectors, head.Cids),
      facts.info(miner),
    ])
    const asked = infos.map(({ SealProof, SectorNumber, SealedCID, SectorKeyCID }) => ({
      SealProof,
      SectorNumber,
      SealedCID,
      SectorKey: SectorKeyCID,
    }))
    const depth = { strict: settings(miner).StrictCheck, stateCheck: false }
    const withinMs = (target.FaultCutoff - head.Height) * (await epochMs(this.#parts))
    const { bad, unknown } = await provable.examine(miner, WindowPoStProofType, asked, depth, withinMs)
    const well = asked
      .map(({ SectorNumber }) => SectorNumber)
      .filter(number => !bad.has(number) && !unknown.has(number))
    log.warn({ miner, deadline: target.Index, checked: asked.length, good: well.length }, 'Checked sectors')
    return well.sort((a, b) => a - b)
  }

  async #send(miner: number, target: DeadlineInfo, entries: SectorsOfPartition[]): Promise<void> {
    const { heads, node, sending, log, settings } = this.#parts
    const head = await heads.fresh()
    const present = await node.api.StateMinerProvingDeadline(Address.fromId(miner), head.Cids)
    if (faultCutoffPassed({ ...target, CurrentEpoch: head.Height + 1 }))
      throw new Error(
        `too late to declare recoveries for deadline ${target.Index}: its cutoff is epoch ${target.FaultCutoff}, the head is at ${head.Height}; they can be declared again when it has closed at ${present.PeriodStart > target.PeriodStart ? present.Close : target.Close}`,
      )
    const setting = settings(miner)
    const params = DeclareFaultsRecoveredParams.encode({ Recoveries: entries })
    const sectors = entries.flatMap(({ Sectors }) => Sectors.toArray())
    const sender = await sending.senders.choose(miner, setting)
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
      const outcome = await sending.desk.send(
        {
          kind: 'recover',
          miner,
          sender,
          method: METHODS.miner.DeclareFaultsRecovered,
          params,
          value: 0n,
          fees: feesOf(setting),
          sectors,
          uuid: keyOf(miner, target.Open, attempt, params),
        },
        head,
      )
      if (outcome.result === 'pushed')
        log.warn(
          { miner, deadline: target.Index, sectors: sectors.length, cid: outcome.cid },
          'declare faults recovered message published',
        )
      if (outcome.result === 'refused') throw outcome.error
      if (outcome.result !== 'known') return
      const { message } = outcome
      if (isInFlight(message) || (message.state === 'landed' && message.receipt?.ExitCode === 0)) return
    }
  }
}

/** The same declaration for the same window is one message, whoever makes it. */
const keyOf = (miner: number, open: number, attempt: number, params: Uint8Array): string =>
  createHash('sha256').update(`${miner}/${open}/${attempt}/`).update(params).digest('hex').slice(0, 36)
