import type { StateMinerInfo } from '../../../rpc-schema/chain/miner-info.js'
import type { MinerInfo } from '../../../rpc-schema/manager/miner-info.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import type { SealProofType } from '../../../rpc-schema/wire/proof-types.js'
import type { Logger } from '../../kit/log.js'
import type { ChainNode } from './chain-node.js'
import type { HeadTracker } from './head-tracker.js'
import { NEWEST_KNOWN_VERSION, type NetworkRules, networkRules, sealProofOf } from './network-version.js'

/** What the chain says of miners, and what its present network version means for them. */
export class MinerFacts {
  readonly #log: Logger
  readonly #node: ChainNode
  readonly #heads: HeadTracker
  /** Size and PoSt proof type of a miner never change. */
  readonly #constants = new Map<number, Pick<StateMinerInfo, 'SectorSize' | 'WindowPoStProofType'>>()
  #told: number | undefined
  #version: { height: number; version: number } | undefined

  constructor(node: ChainNode, heads: HeadTracker, log: Logger) {
    this.#log = log
    this.#node = node
    this.#heads = heads
  }

  /** Owner, worker and control addresses as they are now. */
  info(miner: number): Promise<StateMinerInfo> {
    return this.#node.api.StateMinerInfo(Address.fromId(miner), [])
  }

  /** Rules of the network version in force; asked again whenever the head has moved. */
  async rules(): Promise<NetworkRules> {
    return networkRules(await this.#networkVersion())
  }

  async sectorSize(miner: number): Promise<number> {
    return (await this.#constantsOf(miner)).SectorSize
  }

  async sealProof(miner: number, synthetic: boolean): Promise<SealProofType> {
    return sealProofOf(await this.rules(), await this.sectorSize(miner), synthetic)
  }

  async describe(miner: number, synthetic: boolean): Promise<MinerInfo> {
    const { SectorSize, WindowPoStProofType } = await this.#constantsOf(miner)
    const { number: SealProofType } = await this.sealProof(miner, synthetic)
    return { ID: miner, Addr: Address.fromId(miner), SectorSize, WindowPoStProofType, SealProofType }
  }

  async #constantsOf(miner: number): Promise<Pick<StateMinerInfo, 'SectorSize' | 'WindowPoStProofType'>> {
    const known = this.#constants.get(miner)
    if (known) return known
    const { SectorSize, WindowPoStProofType } = await this.info(miner)
    const constants = { SectorSize, WindowPoStProofType }
    this.#constants.set(miner, constants)
    return constants
  }

  /** Once for each version that is seen. */
  #tell(version: number): void {
    if (version === this.#told) return
    const before = this.#told
    this.#told = version
    if (before !== undefined) this.#log.info({ version, before }, 'the network was upgraded')
    if (version > NEWEST_KNOWN_VERSION)
      this.#log.warn(
        { version },
        `network version ${version} is newer than this program knows: served by the rules of ${NEWEST_KNOWN_VERSION}`,
      )
  }

  async #networkVersion(): Promise<number> {
    const height = this.#heads.last?.Height
    if (height !== undefined && this.#version?.height === height) return this.#version.version
    const version = await this.#node.api.StateNetworkVersion([])
    this.#version = height === undefined ? undefined : { height, version }
    this.#tell(version)
    return version
  }
}
