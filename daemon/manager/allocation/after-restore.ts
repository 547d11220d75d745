import type { Knex } from 'knex'
import type { Clock } from '../../kit/clock.js'
import { inTransaction } from '../../kit/database.js'
import { forgottenNumbers } from './number-choice.js'
import { NumberRepository } from './number-repository.js'

/**
 * To be called on a database that was restored from a copy, before a manager runs on it: leaves out the numbers that may have been given since the copy
 * was made, for every miner that is configured (`miners`) or has a number. `copiedAt`: when the
 * copy was made, in milliseconds since the Unix epoch. (A copy that is put back by hand is noticed by the chain's numbers at the next allocation; see `chooseNumber`.)
 */
export async function skipForgottenNumbers(
  db: Knex,
  clock: Clock,
  options: { miners: Iterable<number>; copiedAt: number },
): Promise<void> {
  const numbers = new NumberRepository()
  const forgotten = forgottenNumbers(clock.now() - options.copiedAt)
  for (const miner of new Set([...options.miners, ...(await numbers.miners(db))])) {
    await inTransaction(db, async trx => {
      const before = await numbers.last(miner, trx)
      await numbers.set(miner, { ...before, owed: before.owed + forgotten }, trx)
    })
  }
}
