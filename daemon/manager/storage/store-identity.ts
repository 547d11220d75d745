import { randomUUID } from 'node:crypto'
import type { Knex } from 'knex'
import { errorText } from '../../../rpc-schema/seal-error.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import { StoreError } from './helper/helper-process.js'
import type { StoreHelper } from './helper/store-helper.js'
import { IdentityRepository } from './identity-repository.js'
import { judgeIdentity } from './identity-rules.js'
import type { IndexRepository } from './index-repository.js'

/** The directory is there or not, but it is not the store that its name stands for. */
export class WrongStoreError extends Error {
  constructor(store: string, why: string) {
    super(`store ${store} is not used: ${why}`)
    this.name = 'WrongStoreError'
  }
}

export interface StoreIdentityOptions {
  name: string
  helper: StoreHelper
  db: Knex
  index: IndexRepository
  clock: Clock
  log: Logger
  /** Whether a store of this name is configured. */
  isConfigured(name: string): boolean
  newId?: () => string
}

/** Errors of a store that cannot be written to. */
const READ_ONLY: ReadonlySet<string | undefined> = new Set(['EROFS', 'EACCES', 'EPERM', 'AccessDenied'])

/** Knows which id a store must have. */
export class StoreIdentity {
  readonly #options: StoreIdentityOptions
  readonly #rows = new IdentityRepository()
  #known: Promise<string | undefined> | undefined

  constructor(options: StoreIdentityOptions) {
    this.#options = options
  }

  /** The id that its files must hold at every touch; undefined for one that has none and cannot be given one. Rejects with a WrongStoreError. */
  expected(): Promise<string | undefined> {
    this.#known ??= this.#decide().catch((error: unknown) => {
      this.#known = undefined
      throw error
    })
    return this.#known
  }

  /** Whether it has been a store of ours at any time. */
  async wasUsed(): Promise<boolean> {
    const { name, db, index } = this.#options
    return (await this.#rows.find(name, db)) !== undefined || (await index.holds(name, db))
  }

  /** Looks again at the next touch. */
  doubt(): void {
    this.#known = undefined
  }

  /** Takes what is there now for the store, by an operator's word. */
  async accept(): Promise<string> {
    const { name, db, clock, helper, log } = this.#options
    const { identity, root } = await helper.request('look', {})
    if (root !== 'directory') throw new WrongStoreError(name, 'its directory is not there')
    const id = identity ?? (await this.#create())
    if (id === undefined) throw new WrongStoreError(name, 'it has no identity file, and none can be written into it')
    await this.#rows.put(name, id, clock.now(), db)
    this.doubt()
    log.warn({ store: name, identity: id }, 'store accepted by an operator')
    return id
  }

  async #decide(): Promise<string | undefined> {
    const { name, helper, db, index, clock, log, isConfigured } = this.#options
    const sight = await helper.request('look', {})
    if (sight.root !== 'directory')
      throw new WrongStoreError(name, sight.root === 'missing' ? 'its directory does not exist' : 'it is no directory')
    const { identity: found } = sight
    const others = found === undefined ? [] : (await this.#rows.named(found, db)).filter(other => other !== name)
    const verdict = judgeIdentity({
      remembered: await this.#rows.find(name, db),
      found,
      sameAs: others.find(isConfigured),
      holdsSectors: await index.holds(name, db),
      empty: sight.empty,
      unmounted: sight.unmounted,
    })
    if (verdict.kind === 'refuse') throw new WrongStoreError(name, verdict.why)
    if (verdict.kind === 'known') return found
    const id = verdict.kind === 'remember' ? found! : await this.#create()
    if (id === undefined) return undefined
    await this.#rows.put(name, id, clock.now(), db)
    log.info({ store: name, identity: id }, verdict.kind === 'create' ? 'store marked with an id' : 'store known')
    if (verdict.kind === 'remember' && verdict.why) log.warn({ store: name }, verdict.why)
    return id
  }

  async #create(): Promise<string | undefined> {
    const { name, helper, log, newId = randomUUID } = this.#options
    const id = newId()
    try {
      await helper.request('writeIdentity', { id })
      return id
    } catch (error) {
      if (!(error instanceof StoreError) || !READ_ONLY.has(error.code)) throw error
      log.warn({ store: name }, `the store cannot be marked with an id: ${errorText(error)}`)
      return undefined
    }
  }
}
