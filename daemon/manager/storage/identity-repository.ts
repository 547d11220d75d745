import type { Knex } from 'knex'

/** The table `store_identities`: the id that each store had when it was used last. */
export class IdentityRepository {
  async find(store: string, db: Knex): Promise<string | undefined> {
    const row: { identity: string } | undefined = await db('store_identities').where({ store }).first('identity')
    return row?.identity
  }

  /** Names of stores that have this id. */
  async named(identity: string, db: Knex): Promise<string[]> {
    const rows: { store: string }[] = await db('store_identities').where({ identity }).orderBy('store').select('store')
    return rows.map(row => row.store)
  }

  async put(store: string, identity: string, at: number, db: Knex): Promise<void> {
    await db('store_identities').insert({ store, identity, at }).onConflict('store').merge(['identity', 'at'])
  }

  async forget(store: string, db: Knex): Promise<void> {
    await db('store_identities').where({ store }).delete()
  }
}
