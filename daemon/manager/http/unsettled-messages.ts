import type { Knex } from 'knex'

/** How many messages are not settled, by state. */
export async function unsettledMessages(db: Knex): Promise<Record<string, number>> {
  const rows = (await db('chain_messages')
    .where({ settled: false })
    .groupBy('state')
    .select('state')
    .count({ count: '*' })) as { state: string; count: number | string }[]
  return Object.fromEntries(rows.map(({ state, count }) => [state, Number(count)]))
}
