import type { MinerMessageConfig } from '../../../rpc-schema/manager/miner-config.js'
import type { Address } from '../../../rpc-schema/wire/address.js'
import type { ChainNode } from '../chain/chain-node.js'
import type { MinerFacts } from '../chain/miner-facts.js'

type SenderSettings = Pick<MinerMessageConfig, 'Sender' | 'Senders'>

/** Chooses who pays for a message: of the configured addresses that may act for the miner, the one with the most funds. */
export class Senders {
  readonly #node: ChainNode
  readonly #facts: MinerFacts
  readonly #keysAtNode: boolean

  /** `keysAtNode`: the node signs; a messager has wallets of its own, into which nobody sees. */
  constructor(node: ChainNode, facts: MinerFacts, { keysAtNode }: { keysAtNode: boolean }) {
    this.#node = node
    this.#facts = facts
    this.#keysAtNode = keysAtNode
  }

  /** An ID address. Without configured senders the control addresses and the worker are asked. Throws an Error when nobody may send. */
  async choose(miner: number, settings: SenderSettings): Promise<Address> {
    const info = await this.#facts.info(miner)
    const entitled = await this.#ids([info.Owner, info.Worker, ...info.ControlAddresses])
    const configured = [...(settings.Senders ?? []), ...(settings.Sender === null ? [] : [settings.Sender])]
    const wanted = configured.length > 0 ? configured : await this.#withKey([...info.ControlAddresses, info.Worker])
    const candidates = (await this.#ids(wanted)).filter(id => entitled.some(other => other.equals(id)))
    if (candidates.length === 0)
      throw new Error(
        `no valid sender found for miner ${miner}: of ${wanted.join(', ')} none is its owner, worker or a control address with a key at the node`,
      )
    const balances = await Promise.all(candidates.map(address => this.#balance(address)))
    const richest = balances.reduce((best, balance, index) => (balance > balances[best]! ? index : best), 0)
    return candidates[richest]!
  }

  /** Those that the node can sign for; all of them when it does not tell. */
  async #withKey(addresses: readonly Address[]): Promise<Address[]> {
    if (!this.#keysAtNode) return [...addresses]
    try {
      const has = await Promise.all(addresses.map(address => this.#hasKey(address)))
      return addresses.filter((_, index) => has[index])
    } catch {
      return [...addresses]
    }
  }

  async #hasKey(address: Address): Promise<boolean> {
    const { api } = this.#node
    return api.WalletHas(address.isId ? await api.StateAccountKey(address, []) : address)
  }

  #ids(addresses: readonly Address[]): Promise<Address[]> {
    return Promise.all(addresses.map(address => (address.isId ? address : this.#node.api.StateLookupID(address, []))))
  }

  /** An address that the chain does not know yet has nothing. */
  async #balance(address: Address): Promise<bigint> {
    try {
      return (await this.#node.api.StateGetActor(address, [])).Balance
    } catch {
      return 0n
    }
  }
}
