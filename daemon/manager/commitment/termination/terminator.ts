import type { Knex } from 'knex'
import { CID } from 'multiformats/cid'
import { exitCodeText } from '../../../../rpc-schema/actors/exit-codes.js'
import type { SectorLocation, SectorOnChainInfo } from '../../../../rpc-schema/chain/sectors.js'
import type { TipSet } from '../../../../rpc-schema/chain/tipset.js'
import { SUBMIT_RESULT, type SubmitResp, type TerminateInfo } from '../../../../rpc-schema/manager/commitment.js'
import type { TerminationPreview } from '../../../../rpc-schema/manager/sector-life.js'
import { Address } from '../../../../rpc-schema/wire/address.js'
import type { DeadlineInfo } from '../../../../rpc-schema/wire/deadline.js'
import type { SectorID } from '../../../../rpc-schema/wire/sector-id.js'
import { liveSectors } from '../../chain/live-sectors.js'
import { isMutable, mutableFrom } from '../../chain/mutable-deadlines.js'
import type { MinerSetup } from '../../config/load-settings.js'
import { keyNotFound } from '../../sectors/sector-record.js'
import { type ChainMessage, isInFlight } from '../chain-message.js'
import { DEFAULT_CONFIDENCE, type MessageEffects } from '../message-effects.js'
import { accepted } from '../verdict.js'
import { TerminationBatcher, type TerminationBatcherOptions } from './termination-batcher.js'
import { terminationFeeAtLeast } from './termination-cost.js'

export interface TerminatorOptions extends Omit<TerminationBatcherOptions, 'setup' | 'failed'> {
  miners: ReadonlyMap<number, MinerSetup>
}

interface LiveSector {
  readonly info: SectorOnChainInfo
  readonly at: SectorLocation
  /** The miner's deadline of now. */
  readonly present: DeadlineInfo
}

const NOTHING: TerminateInfo = { TerminateCid: null, TerminatedAt: 0, AddedHeight: 0 }

/** Ends live sectors before their time. What was asked for is kept until the chain has done it or has said why not. */
export class Terminator {
  readonly #options: TerminatorOptions
  readonly #batchers = new Map<number, TerminationBatcher>()

  constructor(options: TerminatorOptions) {
    this.#options = options
    options.sending.desk.register('terminate', this.#effects())
    for (const setup of options.miners.values())
      this.#batchers.set(
        setup.Actor,
        new TerminationBatcher({
          ...options,
          setup,
          failed: (numbers, why, trx) => this.#failed(setup.Actor, numbers, why, trx),
        }),
      )
  }

  start(): void {
    for (const batcher of this.#batchers.values()) batcher.start()
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#batchers.values()].map(batcher => batcher.stop()))
  }

  /** Asks for the end of a sector. Throws an Error when it cannot be ended. */
  submit(sid: SectorID): Promise<SubmitResp> {
    const { book, sending, heads, queue, clock } = this.#options
    return book.exclusively(sid, async () => {
      await sending.senders.choose(sid.Miner, this.#setup(sid.Miner).Commitment.Terminate)
      const head = await heads.fresh()
      const { SealProof } = (await this.#liveSector(sid, head)).info
      if (await this.#isUnderWay(sid)) return { Res: SUBMIT_RESULT.duplicateSubmit, Desc: 'duplicate submit' }
      const cause = { actor: 'operator', event: 'terminate accepted', detail: `at height ${head.Height}` }
      await book.transaction(async trx => {
        if ((await book.find(sid, trx)) === undefined)
          await book.adopt(sid, SealProof, { actor: 'manager', event: 'adopted', detail: 'to be terminated' }, trx)
        await book.amend(
          sid,
          record => {
            record.TerminateInfo = { ...NOTHING, AddedHeight: head.Height }
          },
          cause,
          trx,
        )
        await queue.put(sid, 'terminate', clock.now(), head.Height, trx)
      })
      this.#batchers.get(sid.Miner)?.wake()
      return accepted()
    })
  }

  async poll(sid: SectorID): Promise<TerminateInfo> {
    const found = await this.#options.book.find(sid)
    if (found === undefined) throw keyNotFound()
    return found.record.TerminateInfo
  }

  /** What the end of a sector would cost now. Throws an Error when it cannot be ended. */
  async preview(sid: SectorID): Promise<TerminationPreview> {
    const { sending, heads, facts } = this.#options
    const Sender = await sending.senders.choose(sid.Miner, this.#setup(sid.Miner).Commitment.Terminate)
    const head = await heads.fresh()
    const [{ info, at, present }, rules] = await Promise.all([this.#liveSector(sid, head), facts.rules()])
    return {
      Sector: sid,
      ...at,
      Mutable: isMutable(present, at.Deadline),
      MutableFrom: mutableFrom(present, at.Deadline),
      Activation: info.Activation,
      Expiration: info.Expiration,
      HasData: info.DealWeight > 0n || info.VerifiedDealWeight > 0n,
      InitialPledge: info.InitialPledge,
      FeeAtLeast: terminationFeeAtLeast(info, head.Height, rules.terminationFee),
      Sender,
    }
  }

  /** The sector as the chain has it. Throws an Error that says why it cannot be ended. */
  async #liveSector(sid: SectorID, head: TipSet): Promise<LiveSector> {
    const { node } = this.#options
    const miner = Address.fromId(sid.Miner)
    const info = await node.api.StateSectorGetInfo(miner, sid.Number, head.Cids)
    if (info === null) {
      const pre = await node.api.StateSectorPreCommitInfo(miner, sid.Number, head.Cids)
      if (pre !== null) throw new Error('sector was precommitted but not proven, remove instead of terminating')
      const used = await node.api.StateMinerSectorAllocated(miner, sid.Number, head.Cids)
      throw new Error(used ? 'already terminated' : `sector ${sid.Number} of miner ${sid.Miner} is not on the chain`)
    }
    const present = await node.api.StateMinerProvingDeadline(miner, head.Cids)
    const live = await liveSectors(node, sid.Miner, [sid.Number], present, head)
    const at = live.get(sid.Number)
    if (at === undefined) throw new Error('already terminated')
    return { info, at, present }
  }

  /** A record that came from another manager may say that it waits while nothing does: then it is asked for anew. */
  async #isUnderWay(sid: SectorID): Promise<boolean> {
    const { book, queue, sending } = this.#options
    const info = (await book.find(sid))?.record.TerminateInfo
    if (info === undefined || info.AddedHeight === 0) return false
    if (await queue.has(sid, 'terminate')) return true
    const latest = await sending.messages.latestOf(sid, 'terminate')
    return latest !== undefined && (isInFlight(latest) || (latest.state === 'landed' && latest.receipt?.ExitCode === 0))
  }

  #effects(): MessageEffects {
    const { miners, queue } = this.#options
    return {
      confidence: miner => miners.get(miner)?.Commitment.Confidence ?? DEFAULT_CONFIDENCE,
      pushed: (message, cid, trx) =>
        this.#amendAll(message, 'terminate sent', cid, trx, async (info, sid) => {
          await queue.remove(sid, 'terminate', trx)
          return { ...info, TerminateCid: CID.parse(cid) }
        }),
      landed: (message, trx) =>
        this.#amendAll(
          message,
          'terminate landed',
          `${message.cid} at height ${message.height}, exit code ${message.receipt?.ExitCode}`,
          trx,
          info => info,
        ),
      reverted: (message, trx) =>
        this.#amendAll(message, 'terminate taken back', 'by a reorg; it will land again', trx, info => ({
          ...info,
          TerminatedAt: 0,
        })),
      settled: async (message, trx) => {
        const code = message.receipt?.ExitCode ?? 0
        if (code !== 0) return this.#failed(message.miner, message.sectors, exitCodeText(code), trx)
        await this.#amendAll(message, 'terminated', `at height ${message.height}`, trx, info => ({
          ...info,
          TerminatedAt: message.height ?? 0,
        }))
      },
      dropped: (message, why, trx) => this.#failed(message.miner, message.sectors, why, trx),
      available: ({ miner }, refusal) => {
        const batcher = this.#batchers.get(miner)
        if (refusal === null) batcher?.wake()
        else batcher?.refused(refusal)
      },
    }
  }

  async #amendAll(
    { miner, sectors }: ChainMessage,
    event: string,
    detail: string,
    trx: Knex.Transaction,
    change: (info: TerminateInfo, sid: SectorID) => TerminateInfo | Promise<TerminateInfo>,
  ): Promise<void> {
    for (const number of sectors) {
      const sid = { Miner: miner, Number: number }
      await this.#options.book.amend(
        sid,
        async record => {
          record.TerminateInfo = await change(record.TerminateInfo, sid)
        },
        { actor: 'manager', event, detail },
        trx,
      )
    }
  }

  /** They may be asked for again; the history says why. */
  async #failed(miner: number, numbers: readonly number[], why: string, trx: Knex.Transaction): Promise<void> {
    const { book, queue } = this.#options
    for (const number of numbers) {
      const sid = { Miner: miner, Number: number }
      await queue.remove(sid, 'terminate', trx)
      await book.amend(
        sid,
        record => {
          record.TerminateInfo = NOTHING
        },
        { actor: 'manager', event: 'terminate failed', detail: why },
        trx,
      )
    }
  }

  #setup(miner: number): MinerSetup {
    const setup = this.#options.miners.get(miner)
    if (setup === undefined) throw new Error(`config for miner actor ${miner} not found`)
    return setup
  }
}
