import { randomUUID } from 'node:crypto'
import type { Knex } from 'knex'
import { errorText } from '../../../rpc-schema/seal-error.js'
import type { Clock } from '../../kit/clock.js'
import { inTransaction, isKeyTaken } from '../../kit/database.js'
import type { Logger } from '../../kit/log.js'

/** The right to prove partitions of a window: good for as long as their rows bear its token. */
export interface PartitionClaim {
  readonly miner: number
  readonly open: number
  readonly partitions: readonly number[]
  readonly token: string
}

export interface PartitionClaimsOptions {
  readonly db: Knex
  readonly clock: Clock
  readonly log: Logger
  /** Who this manager is, also after a restart. */
  readonly owner: string
}

interface Row {
  readonly token: string
  readonly lease_until: number
}

/** A manager that is not heard of for so long may be gone: another one takes its partitions over. */
const LEASE_MS = 60_000
const RENEW_MS = LEASE_MS / 4
/** What is over for so long is nobody's, however differently the clocks of the managers go. */
const FORGOTTEN_MS = 24 * 3_600_000
/** What was not renewed for longer is taken for over where a mistake costs little: clocks of managers are not further apart. */
const MOST_APART_MS = 3_600_000

/**
 * The table `post_claims`: of several managers on one database, one proves a partition of a window at a time. A proof is kept only by who still has the
 * claim then, so one that was taken to be gone, and is not, changes nothing. Whether one is gone is told by its rows: they have not changed for as long as
 * a lease lasts, by the watch of who looks. The moments in them are by the clocks of machines, which somebody may set.
 */
export class PartitionClaims {
  readonly #options: PartitionClaimsOptions
  /** Claims of others by their tokens, and since when they are as they are, monotonic ms. */
  readonly #seen = new Map<string, { readonly lease_until: number; readonly since: number }>()

  constructor(options: PartitionClaimsOptions) {
    this.#options = options
  }

  /** All of these partitions, or undefined: another manager has one of them. */
  async take(miner: number, open: number, partitions: readonly number[]): Promise<PartitionClaim | undefined> {
    const { db, clock, owner } = this.#options
    const token = randomUUID()
    const rows: Row[] = await db('post_claims')
      .where({ miner, open })
      .whereIn('partition_index', [...partitions])
      .select('token', 'lease_until')
    const gone = rows.filter(row => this.#isGone(row))
    if (gone.length < rows.length) return undefined
    const lease_until = clock.now() + LEASE_MS
    try {
      await inTransaction(db, async trx => {
        for (const row of gone)
          await trx('post_claims')
            .where({ miner, open, ...row })
            .whereIn('partition_index', [...partitions])
            .delete()
        await trx('post_claims').insert(
          partitions.map(index => ({ miner, open, partition_index: index, owner, token, lease_until })),
        )
      })
    } catch (error) {
      if (isKeyTaken(error)) return undefined
      throw error
    }
    return { miner, open, partitions, token }
  }

  /** Does something while the claim is kept up; the signal given to it aborts when another manager has taken over, or with the one given. */
  async during<T>(claim: PartitionClaim, given: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const over = new AbortController()
    const lost = new AbortController()
    const renewing = this.#keepUp(claim, lost, over.signal)
    try {
      return await work(AbortSignal.any([given, lost.signal]))
    } finally {
      over.abort(new Error('done'))
      await renewing
      await this.#release(claim)
    }
  }

  /** Windows, by the epochs at which they open, in which some manager is at this partition. */
  async windowsOf(miner: number, partition: number): Promise<number[]> {
    const { db, clock } = this.#options
    const rows: { open: number }[] = await db('post_claims')
      .where({ miner, partition_index: partition })
      .where('lease_until', '>', clock.now() - MOST_APART_MS)
      .select('open')
    return rows.map(({ open }) => Number(open))
  }

  /** What this manager had before it was started again is free at once. */
  async forget(): Promise<void> {
    const { db, owner } = this.#options
    await db('post_claims').where({ owner }).delete()
  }

  /** Forgets what nobody has given back. */
  async prune(): Promise<void> {
    const { db, clock } = this.#options
    for (const [token, { since }] of this.#seen) if (clock.monotonic() - since > FORGOTTEN_MS) this.#seen.delete(token)
    await db('post_claims')
      .where('lease_until', '<=', clock.now() - FORGOTTEN_MS)
      .delete()
  }

  /** A look at a claim of which nothing was seen before tells nothing yet. */
  #isGone(row: Row): boolean {
    const lease_until = Number(row.lease_until)
    const now = this.#options.clock.monotonic()
    const before = this.#seen.get(row.token)
    if (before?.lease_until === lease_until) return now - before.since >= LEASE_MS
    this.#seen.set(row.token, { lease_until, since: now })
    return false
  }

  async #keepUp(claim: PartitionClaim, lost: AbortController, over: AbortSignal): Promise<void> {
    const { clock, log } = this.#options
    const { miner, open, partitions } = claim
    for (;;) {
      try {
        await clock.sleep(RENEW_MS, over)
      } catch {
        return
      }
      try {
        if (await this.#renew(claim)) continue
        const why = `another manager has taken partitions ${partitions.join(', ')} over`
        log.warn({ miner, open, partitions }, why)
        return lost.abort(new Error(why))
      } catch (error) {
        // As long as nobody else has them, they are ours.
        log.warn({ miner, open, partitions, err: error }, `claim of partitions not renewed: ${errorText(error)}`)
      }
    }
  }

  async #renew({ token, partitions }: PartitionClaim): Promise<boolean> {
    const { db, clock } = this.#options
    const lease_until = clock.now() + LEASE_MS
    return (await db('post_claims').where({ token }).update({ lease_until })) === partitions.length
  }

  /** One that cannot be given back ends by itself. */
  async #release({ token }: PartitionClaim): Promise<void> {
    const { db, log } = this.#options
    try {
      await db('post_claims').where({ token }).delete()
    } catch (error) {
      log.warn({ err: error }, `claim of partitions not given back: ${errorText(error)}`)
    }
  }
}
