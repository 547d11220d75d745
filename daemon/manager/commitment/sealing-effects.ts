import { CID } from 'multiformats/cid'
import type { SectorBook } from '../sectors/sector-book.js'
import type { ChainMessage } from './chain-message.js'
import type { MessageEffects } from './message-effects.js'
import type { QueueRepository } from './queue-repository.js'

/** The two messages that every new sector needs. */
export const SEALING_KINDS = ['pre', 'prove'] as const
export type SealingKind = (typeof SEALING_KINDS)[number]

/** Where the record of a sector keeps its message. */
export const CID_FIELD = { pre: 'PreCommitCid', prove: 'CommitCid' } as const
export const TITLE = { pre: 'pre-commit', prove: 'prove-commit' } as const
/** Whose settings say who pays. */
export const SENDER_OF = { pre: 'Pre', prove: 'Prove' } as const

export interface SealingEffectsOptions {
  book: SectorBook
  queue: QueueRepository
  /** Told of every message that has landed, for the metrics. */
  onLanded?: (message: ChainMessage) => void
}

/** What the messages of new sectors change in their records. */
export function sealingEffects(
  kind: SealingKind,
  { book, queue, onLanded }: SealingEffectsOptions,
): Pick<MessageEffects, 'pushed' | 'landed'> {
  const title = TITLE[kind]
  return {
    async pushed({ miner, sectors }, cid, trx) {
      for (const number of sectors) {
        const sid = { Miner: miner, Number: number }
        await queue.remove(sid, kind, trx)
        await book.amend(
          sid,
          record => {
            record.MessageInfo.NeedSend = false
            record.MessageInfo[CID_FIELD[kind]] = CID.parse(cid)
          },
          { actor: 'manager', event: `${title} sent`, detail: cid },
          trx,
        )
      }
    },
    async landed(message, trx) {
      const { miner, sectors, cid, height, receipt } = message
      const detail = `${cid} at height ${height}, exit code ${receipt?.ExitCode}`
      for (const number of sectors)
        await book.note({ Miner: miner, Number: number }, { actor: 'manager', event: `${title} landed`, detail }, trx)
      onLanded?.(message)
    },
  }
}
