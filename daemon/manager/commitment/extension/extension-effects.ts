import type { Knex } from 'knex'
import { exitCodeText } from '../../../../rpc-schema/actors/exit-codes.js'
import type { SectorBook } from '../../sectors/sector-book.js'
import type { ChainMessage } from '../chain-message.js'
import type { MessageEffects } from '../message-effects.js'

/** What is written into the histories of the sectors of an extension. */
export function extensionEffects(book: Pick<SectorBook, 'note'>): Partial<MessageEffects> {
  const note = async (
    { miner, sectors }: ChainMessage,
    event: string,
    detail: string,
    trx: Knex.Transaction,
  ): Promise<void> => {
    for (const number of sectors)
      await book.note({ Miner: miner, Number: number }, { actor: 'operator', event, detail }, trx)
  }
  return {
    pushed: (message, cid, trx) => note(message, 'extension sent', cid, trx),
    settled: (message, trx) => {
      const code = message.receipt?.ExitCode ?? 0
      const where = `${message.cid} at height ${message.height}`
      return code === 0
        ? note(message, 'extended', where, trx)
        : note(message, 'extension failed', `${exitCodeText(code)}, ${where}`, trx)
    },
    dropped: (message, why, trx) => note(message, 'extension failed', why, trx),
  }
}
