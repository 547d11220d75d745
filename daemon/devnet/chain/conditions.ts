import type { ChainRepository } from '../persistence/chain-repository.js'
import { BASE_FEE } from './header.js'

const KEY = 'conditions'

export interface Upgrade {
  /** First epoch of the version. */
  readonly epoch: number
  readonly version: number
}

interface Stored {
  readonly baseFee: bigint
  readonly upgrades: readonly Upgrade[]
}

/** What an operator of the devnet decides about the whole network: how dear gas is, and which version when. Kept over restarts. */
export class Conditions {
  readonly #repository: ChainRepository
  readonly #firstVersion: number
  #stored: Stored

  private constructor(repository: ChainRepository, firstVersion: number, stored: Stored) {
    this.#repository = repository
    this.#firstVersion = firstVersion
    this.#stored = stored
  }

  static async open(repository: ChainRepository, firstVersion: number): Promise<Conditions> {
    const stored = await repository.meta<Stored>(KEY)
    return new Conditions(repository, firstVersion, stored ?? { baseFee: BASE_FEE, upgrades: [] })
  }

  /** Base fee of the blocks to come, attoFIL a unit of gas. */
  get baseFee(): bigint {
    return this.#stored.baseFee
  }

  async setBaseFee(baseFee: bigint): Promise<void> {
    await this.#put({ ...this.#stored, baseFee })
  }

  /** By rising epoch. */
  get upgrades(): readonly Upgrade[] {
    return this.#stored.upgrades
  }

  versionAt(epoch: number): number {
    return this.#stored.upgrades.findLast(upgrade => upgrade.epoch <= epoch)?.version ?? this.#firstVersion
  }

  /** Versions that are, were, or will be. */
  get versions(): readonly number[] {
    return [this.#firstVersion, ...this.#stored.upgrades.map(({ version }) => version)]
  }

  /**
   * Plans an upgrade, in place of those that were planned from its epoch on.
   * @param height of the head: what has happened under a version stays so
   */
  async upgrade(upgrade: Upgrade, height: number): Promise<void> {
    if (upgrade.epoch <= height) {
      throw new RangeError(`an upgrade at epoch ${upgrade.epoch} comes too late: the chain is at ${height}`)
    }
    const before = this.versionAt(upgrade.epoch - 1)
    if (upgrade.version <= before)
      throw new RangeError(`the network is at version ${before} before epoch ${upgrade.epoch}`)
    const earlier = this.#stored.upgrades.filter(({ epoch }) => epoch < upgrade.epoch)
    await this.#put({ ...this.#stored, upgrades: [...earlier, upgrade] })
  }

  async #put(stored: Stored): Promise<void> {
    await this.#repository.putMeta(KEY, stored)
    this.#stored = stored
  }
}
