import type { Knex } from 'knex'
import { EXIT_CODES, exitCodeText } from '../../../rpc-schema/actors/exit-codes.js'
import { ON_CHAIN_STATE } from '../../../rpc-schema/manager/commitment.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import type { SectorID } from '../../../rpc-schema/wire/sector-id.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import { steadyClock } from '../../kit/steady-clock.js'
import type { ChainMessage } from '../commitment/chain-message.js'
import { DEFAULT_CONFIDENCE, type MessageEffects } from '../commitment/message-effects.js'
import { stateOfExitCode } from '../commitment/poll-state.js'
import type { MinerSetup } from '../config/load-settings.js'
import type { SectorBook } from '../sectors/sector-book.js'
import type { SnapUpJob } from './job.js'
import type { JobRepository } from './job-repository.js'
import { retryWait } from './retry.js'

export interface UpdateEffectsParts {
  miners: ReadonlyMap<number, MinerSetup>
  book: SectorBook
  jobs: JobRepository
  clock: Clock
  log: Logger
  wake(): void
  onLanded?: (message: ChainMessage) => void
}

/** Where `Retry.MaxAttempts` sets no limit: gas is not burnt for ever. */
const MOST_FAILED_MESSAGES = 5

/** Exit code of a sector, in the message as a whole or in its return value. */
const codeOf = (message: ChainMessage, index: number): number =>
  message.receipt?.ExitCode || (message.sectorCodes[index] ?? EXIT_CODES.Ok)

/** What the outcome of an update message changes in its records and jobs. */
export function updateEffects({ miners, book, jobs, clock, log, wake, onLanded }: UpdateEffectsParts): MessageEffects {
  const steady = steadyClock(clock)
  const sectorsOf = ({ miner, sectors }: ChainMessage): SectorID[] =>
    sectors.map(number => ({ Miner: miner, Number: number }))

  /** Only while the job follows a message. */
  async function change(
    sid: SectorID,
    patch: (job: SnapUpJob) => Partial<SnapUpJob>,
    trx: Knex.Transaction,
  ): Promise<boolean> {
    const job = await jobs.find(sid, trx)
    if (job?.state !== 'waiting' && job?.state !== 'landed') return false
    await jobs.update(sid, patch(job), clock.now(), trx)
    return true
  }

  /** `paid`: the message was executed in vain. */
  const sendAgain = (sid: SectorID, why: string, trx: Knex.Transaction, paid: boolean): Promise<boolean> =>
    change(
      sid,
      job => {
        const retry = miners.get(sid.Miner)?.SnapUp.Retry
        const most = retry?.MaxAttempts ?? undefined
        const attempts = job.attempts + 1
        const failedMessages = job.failedMessages + (paid ? 1 : 0)
        const over = failedMessages >= (most ?? MOST_FAILED_MESSAGES) || (most !== undefined && attempts >= most)
        const nextAt = steady.now() + retryWait(retry, undefined)
        return { state: over ? 'failed' : 'submitting', attempts, failedMessages, nextAt, note: why }
      },
      trx,
    )

  return {
    confidence: miner => miners.get(miner)?.SnapUp.MessageConfidence ?? DEFAULT_CONFIDENCE,
    async pushed(message, cid, trx) {
      for (const sid of sectorsOf(message)) {
        const record = (online: { UpgradeMessageID: string | null }): void => {
          online.UpgradeMessageID = cid
        }
        await book.amend(sid, record, { actor: 'manager', event: 'upgrade sent', detail: cid }, trx)
      }
    },
    async landed(message, trx) {
      const detail = `${message.cid} at height ${message.height}, exit code ${message.receipt?.ExitCode}`
      for (const sid of sectorsOf(message))
        await book.note(sid, { actor: 'manager', event: 'upgrade landed', detail }, trx)
      onLanded?.(message)
    },
    async reverted(message, trx) {
      for (const sid of sectorsOf(message)) {
        const waits = await change(sid, () => ({ state: 'waiting', note: 'a reorg took the message back' }), trx)
        if (!waits) continue
        const cause = { actor: 'manager', event: 'upgrade off the chain', detail: 'by a reorg' }
        await book.amend(
          sid,
          record => {
            record.UpgradeLandedEpoch = null
          },
          cause,
          trx,
        )
      }
    },
    async settled(message, trx) {
      for (const [index, sid] of sectorsOf(message).entries()) {
        const code = codeOf(message, index)
        const outcome = stateOfExitCode(code)
        if (outcome === ON_CHAIN_STATE.landed) {
          if (!(await change(sid, () => ({ state: 'landed', attempts: 0, nextAt: 0, note: '' }), trx))) continue
          // The height of a message is that of the tipset that runs it; the wire has that of the tipset that holds it.
          const epoch = message.height! - 1
          const cause = { actor: 'manager', event: 'upgrade counts', detail: `landed at epoch ${epoch}` }
          await book.amend(
            sid,
            record => {
              record.UpgradeLandedEpoch = epoch
            },
            cause,
            trx,
          )
          continue
        }
        const why = `the message failed on the chain: ${exitCodeText(code)}`
        await book.note(sid, { actor: 'manager', event: 'upgrade failed', detail: why }, trx)
        if (outcome === ON_CHAIN_STATE.failed) await sendAgain(sid, why, trx, true)
        else await change(sid, () => ({ state: 'failed', note: why }), trx)
      }
      wake()
    },
    async dropped(message, why, trx) {
      for (const sid of sectorsOf(message)) await sendAgain(sid, `the message is gone: ${why}`, trx, false)
    },
    available(message, refusal) {
      const again = async (): Promise<void> => {
        for (const sid of sectorsOf(message))
          await book.transaction(trx => sendAgain(sid, refusal ?? 'the message was never sent', trx, false))
        wake()
      }
      again().catch((error: unknown) =>
        log.error({ err: error, message: message.id }, `upgrade not taken up again: ${errorText(error)}`),
      )
    },
  }
}
