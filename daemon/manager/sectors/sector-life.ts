import type { Knex } from 'knex'
import type { ReportStateReq, SectorState, SectorStateResp } from '../../../rpc-schema/manager/sector-state.js'
import type { SectorID } from '../../../rpc-schema/wire/sector-id.js'
import type { Cause, SectorBook } from './sector-book.js'

/** What the other rooms do when a sector leaves the online store. */
export interface LifeEffects {
  /** Gives the deals of the sector back to the market. */
  releaseDeals(record: SectorState): Promise<void>
  /** Takes a sector that is given up out of what waits to be sent. */
  forget(sid: SectorID, trx: Knex.Transaction): Promise<void>
  /** Drops space that is held for the sector. Must not fail. */
  releaseSpace(sid: SectorID): Promise<void>
  /** A worker told of a step of a sector that is rebuilt or unsealed. */
  heard(record: Pick<SectorState, 'ID' | 'NeedRebuild'>, worker: string): Promise<void>
  /** The worker is done with a rebuild; `reason`: it gave up. Answers whether the sector waits for another worker. */
  rebuildEnds(sid: SectorID, reason: string | null, trx: Knex.Transaction): Promise<boolean>
  /** The worker is done with an unseal task. */
  unsealEnds(sid: SectorID, reason: string | null, trx: Knex.Transaction): Promise<void>
  /** From now on the upgrade is not sent. Throws when it cannot be given up any more. */
  stopUpgrade(sid: SectorID): Promise<void>
  /** The upgrade of a sector is given up: it is as empty as before. */
  dropUpgrade(sid: SectorID, trx: Knex.Transaction): Promise<void>
}

/** Throws what keeps a sector from being given up: before anything is changed, and where it is written down. */
export interface MayBeGivenUp {
  before(record: SectorState): Promise<void>
  still(record: SectorState, trx: Knex.Transaction): Promise<void>
}

/** What workers and operators report of sectors, and what that makes of the records. */
export class SectorLife {
  readonly #book: SectorBook
  readonly #effects: LifeEffects

  constructor(book: SectorBook, effects: LifeEffects) {
    this.#book = book
    this.#effects = effects
  }

  /** Notes a step of a worker. `Finalized` in the answer tells it to drop the sector. */
  async report(sid: SectorID, report: ReportStateReq): Promise<SectorStateResp> {
    const { Prev, Next } = report.StateChange
    const failure = report.Failure && `: ${report.Failure.Level}: ${report.Failure.Desc}`
    const { record, store } = await this.#book.step(sid, report, {
      actor: report.Worker.Instance || 'worker',
      event: failure ? 'failed' : 'state',
      detail: `${Prev} → ${Next}${failure ?? ''}`,
    })
    if (store === 'online' && (record.NeedRebuild || record.Unsealing))
      await this.#effects.heard(record, report.Worker.Instance)
    return { Id: record.ID, Finalized: record.Finalized, AbortReason: record.AbortReason }
  }

  /**
   * The worker is done; a proof that still waits to be sent goes on waiting. An upgraded sector stays online until its upgrade is final, one
   * that was not rebuilt until another worker has done it.
   */
  async reportFinalized(sid: SectorID): Promise<void> {
    await this.#book.exclusively(sid, async () => {
      await this.#book.finalize(sid, { actor: 'worker', event: 'finalized' }, async (record, trx) => {
        if (record.Unsealing || record.NeedRebuild) return this.#endOfExtraWork(record, null, trx)
        return !record.Upgraded
      })
      await this.#effects.releaseSpace(sid)
    })
  }

  /**
   * The sector is given up. Its deals go back first: when the market does not take them, nothing has changed. What is only rebuilt or unsealed is proven
   * on the chain: that work is given up, the sector is not.
   */
  reportAborted(sid: SectorID, reason: string): Promise<void> {
    return this.#abort(sid, reason, 'worker')
  }

  /** The same by an operator, who is told when it would be a mistake. */
  giveUp(sid: SectorID, reason: string, mayBe: MayBeGivenUp): Promise<void> {
    return this.#abort(sid, reason, 'operator', mayBe)
  }

  async #abort(sid: SectorID, reason: string, actor: Cause['actor'], mayBe?: MayBeGivenUp): Promise<void> {
    await this.#book.exclusively(sid, async () => {
      const record = await this.#book.online(sid)
      await mayBe?.before(record)
      const cause = { actor, event: 'aborted', detail: reason }
      if (record.NeedRebuild || record.Unsealing) {
        await this.#book.finalize(sid, cause, (online, trx) => this.#endOfExtraWork(online, reason, trx))
        return this.#effects.releaseSpace(sid)
      }
      if (record.Upgraded) await this.#effects.stopUpgrade(sid)
      await this.#effects.releaseDeals(record)
      await this.#book.finalize(sid, cause, async (online, trx) => {
        await mayBe?.still(online, trx)
        if (online.Upgraded) {
          online.Upgraded = false
          online.Pieces = null
          online.UpgradePublic = null
          online.UpgradedInfo = null
          online.UpgradeMessageID = null
          online.UpgradeLandedEpoch = null
          await this.#effects.dropUpgrade(sid, trx)
        }
        online.AbortReason = reason
        online.MessageInfo.NeedSend = false
        await this.#effects.forget(sid, trx)
        return true
      })
      await this.#effects.releaseSpace(sid)
    })
  }

  /** Whether the record goes back to the finished ones. */
  async #endOfExtraWork(record: SectorState, reason: string | null, trx: Knex.Transaction): Promise<boolean> {
    if (record.Unsealing) {
      record.Unsealing = false
      await this.#effects.unsealEnds(record.ID, reason, trx)
      return true
    }
    if (await this.#effects.rebuildEnds(record.ID, reason, trx)) return false
    record.NeedRebuild = false
    return true
  }

  /** An operator declares a sector that is on the chain as finished. */
  async finalize(sid: SectorID, isProven: () => Promise<boolean>): Promise<void> {
    await this.#book.exclusively(sid, async () => {
      if (!(await isProven())) throw new Error(`sector {${sid.Miner} ${sid.Number}} for miner f0${sid.Miner} not found`)
      await this.#book.finalize(sid, { actor: 'operator', event: 'finalized' })
      await this.#effects.releaseSpace(sid)
    })
  }

  /** Brings a record back online: an aborted one without data, or any when forced. */
  async restore(sid: SectorID, forced: boolean): Promise<void> {
    await this.#book.exclusively(sid, () =>
      this.#book.restore(sid, { actor: 'operator', event: 'restored', detail: forced ? 'forced' : '' }, record => {
        if (forced) return
        const pieces = (record.Pieces ?? []).length + (record.Deals ?? []).length
        if (pieces > 0) throw new Error(`sector with ${pieces} pieces can only be restored by force`)
        if (record.AbortReason === '') throw new Error('sector is not aborted, it can only be restored by force')
        record.AbortReason = ''
      }),
    )
  }
}
