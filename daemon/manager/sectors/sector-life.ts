import type { Knex } from 'knex'
import type { ReportStateReq, SectorState, SectorStateResp } from '../../../rpc-schema/manager/sector-state.js'
import type { SectorID } from '../../../rpc-schema/wire/sector-id.js'
import type { SectorBook } from './sector-book.js'
import { notOnline } from './sector-record.js'

/** What the other rooms do when a sector leaves the online store. */
export interface LifeEffects {
  /** Gives the deals of the sector back to the market. */
  releaseDeals(record: SectorState): Promise<void>
  /** Takes a sector that is given up out of what waits to be sent. */
  forget(sid: SectorID, trx: Knex.Transaction): Promise<void>
  /** Drops space that is held for the sector. Must not fail. */
  releaseSpace(sid: SectorID): Promise<void>
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
    const found = await this.#book.find(sid)
    if (found === undefined) throw notOnline()
    const { record, store } = found
    if (store === 'online') {
      const { Prev, Next } = report.StateChange
      const failure = report.Failure && `: ${report.Failure.Level}: ${report.Failure.Desc}`
      await this.#book.update(
        sid,
        online => {
          online.LatestState = report
        },
        {
          actor: report.Worker.Instance || 'worker',
          event: failure ? 'failed' : 'state',
          detail: `${Prev} → ${Next}${failure ?? ''}`,
        },
      )
    }
    return { Id: record.ID, Finalized: record.Finalized, AbortReason: record.AbortReason }
  }

  /**
   * The worker is done; a proof that still waits to be sent goes on waiting. An upgraded sector stays online until its upgrade is final.
   */
  async reportFinalized(sid: SectorID): Promise<void> {
    await this.#book.exclusively(sid, async () => {
      await this.#book.finalize(sid, { actor: 'worker', event: 'finalized' }, record => {
        if (record.Unsealing) record.Unsealing = false
        else if (record.NeedRebuild) record.NeedRebuild = false
        else if (record.Upgraded) return false
        return true
      })
      await this.#effects.releaseSpace(sid)
    })
  }

  /** The sector is given up. Its deals go back first: when the market does not take them, nothing has changed. */
  async reportAborted(sid: SectorID, reason: string): Promise<void> {
    await this.#book.exclusively(sid, async () => {
      const record = await this.#book.online(sid)
      // What is only rebuilt or unsealed is proven on the chain: its deals are in force and stay.
      if (!record.NeedRebuild && !record.Unsealing) await this.#effects.releaseDeals(record)
      await this.#book.finalize(sid, { actor: 'worker', event: 'aborted', detail: reason }, async (online, trx) => {
        if (online.NeedRebuild || online.Unsealing) {
          online.NeedRebuild = false
          online.Unsealing = false
        } else if (online.Upgraded) {
          online.Upgraded = false
          online.UpgradePublic = null
          online.UpgradedInfo = null
          online.UpgradeMessageID = null
          online.UpgradeLandedEpoch = null
        }
        online.AbortReason = reason
        online.MessageInfo.NeedSend = false
        await this.#effects.forget(sid, trx)
        return true
      })
      await this.#effects.releaseSpace(sid)
    })
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
