import type { MinerMessageConfig } from '../../../rpc-schema/manager/miner-config.js'
import { RpcError } from '../../../rpc-schema/rpc/error.js'
import type { Address } from '../../../rpc-schema/wire/address.js'
import { formatFil } from '../../../rpc-schema/wire/token-amount.js'
import { type Clock, systemClock } from '../../kit/clock.js'
import type { ChainNode } from '../chain/chain-node.js'
import type { MinerFacts } from '../chain/miner-facts.js'

type SenderSettings = Pick<MinerMessageConfig, 'Sender' | 'Senders'>

/** All that settings name, in both of their forms. */
export const sendersIn = (settings: SenderSettings | undefined): Address[] => [
  ...(settings?.Senders ?? []),
  ...(settings?.Sender ? [settings.Sender] : []),
]

export interface SendersOptions {
  /** The node signs; a messager has wallets of its own, into which nobody sees. */
  keysAtNode: boolean
  /** Addresses that are set as senders for other purposes (window PoSt must not be left without funds). Default: none. */
  reserved?: (miner: number) => readonly Address[]
  /** Who pays when none of those that are asked first can. Default: nobody. */
  fallback?: (miner: number) => Fallback | undefined
  clock?: Clock
}

/** Addresses of the miner that stand in for its senders. */
export interface Fallback {
  readonly Worker: boolean
  readonly Owner: boolean
}

/** An address that has just been made, or whose making a reorg took back, is asked for again. */
const RETRIES = 3
const RETRY_MS = 2_000

const NO_FALLBACK: Fallback = { Worker: false, Owner: false }

/** None of those that were asked can send. */
export class NobodyPays extends Error {}

interface Candidate {
  readonly id: Address
  readonly balance: bigint
}

/**
 * Chooses who pays for a message: of the configured addresses that may act for the miner, the one with the most funds. Nothing is remembered from one
 * message to the next: roles, addresses and balances change.
 */
export class Senders {
  readonly #node: ChainNode
  readonly #facts: MinerFacts
  readonly #options: SendersOptions

  constructor(node: ChainNode, facts: MinerFacts, options: SendersOptions) {
    this.#node = node
    this.#facts = facts
    this.#options = options
  }

  /**
   * An ID address. Without configured senders the control addresses and the worker are asked, and those that are set for something else only when
   * there is no other; then the worker and the owner, where they are to stand in. Throws an Error when nobody may send, or nobody has as much as is
   * needed (attoFIL).
   */
  async choose(miner: number, settings: SenderSettings, needed = 0n): Promise<Address> {
    try {
      return await this.#chooseFirst(miner, settings, needed)
    } catch (error) {
      const { Worker, Owner } = this.#options.fallback?.(miner) ?? NO_FALLBACK
      if (!(error instanceof NobodyPays) || !(Worker || Owner)) throw error
      const info = await this.#facts.info(miner)
      const standIns = [...(Worker ? [info.Worker] : []), ...(Owner ? [info.Owner] : [])]
      for (const id of (await this.#ids(await this.#withKey(standIns))).known)
        if ((await this.#balance(id)) >= needed) return id
      throw error
    }
  }

  async #chooseFirst(miner: number, settings: SenderSettings, needed: bigint): Promise<Address> {
    const { clock = systemClock } = this.#options
    for (let left = RETRIES; ; left--) {
      const { candidates, unknown, asked } = await this.#candidates(miner, settings)
      if (candidates.length > 0) return this.#richest(miner, candidates, needed)
      if (unknown.length === 0 || left === 0)
        throw new NobodyPays(
          `no valid sender found for miner ${miner}: of ${asked.join(', ')} none is its owner, worker or a control address with a key at the node${
            unknown.length === 0 ? '' : `; the chain does not know ${unknown.join(', ')}`
          }`,
        )
      await clock.sleep(RETRY_MS)
    }
  }

  async #candidates(miner: number, settings: SenderSettings) {
    const info = await this.#facts.info(miner)
    const entitled = (await this.#ids([info.Owner, info.Worker, ...info.ControlAddresses])).known
    const configured = sendersIn(settings)
    const asked = configured.length > 0 ? configured : await this.#withKey([...info.ControlAddresses, info.Worker])
    const { known, unknown } = await this.#ids(asked)
    const allowed = known.filter(id => entitled.some(other => other.equals(id)))
    const chosen = configured.length > 0 ? allowed : await this.#unreserved(miner, allowed)
    return { candidates: chosen, unknown, asked }
  }

  async #unreserved(miner: number, ids: readonly Address[]): Promise<readonly Address[]> {
    const reserved = (await this.#ids(this.#options.reserved?.(miner) ?? [])).known
    const free = ids.filter(id => !reserved.some(other => other.equals(id)))
    return free.length > 0 ? free : ids
  }

  async #richest(miner: number, ids: readonly Address[], needed: bigint): Promise<Address> {
    const candidates = await Promise.all(
      ids.map(async (id): Promise<Candidate> => ({ id, balance: await this.#balance(id) })),
    )
    const best = candidates.reduce((richest, other) => (other.balance > richest.balance ? other : richest))
    if (best.balance < needed)
      throw new NobodyPays(
        `no sender for miner ${miner} has the ${formatFil(needed)} that are needed: the richest, ${best.id}, has ${formatFil(best.balance)}; send it more`,
      )
    return best.id
  }

  /** Those that the node can sign for; all of them when it does not tell. */
  async #withKey(addresses: readonly Address[]): Promise<Address[]> {
    if (!this.#options.keysAtNode) return [...addresses]
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

  /** The ID addresses of those that the chain knows. */
  async #ids(addresses: readonly Address[]): Promise<{ known: Address[]; unknown: Address[] }> {
    const known: Address[] = []
    const unknown: Address[] = []
    for (const address of addresses) {
      try {
        const id = address.isId ? address : await this.#node.api.StateLookupID(address, [])
        if (!known.some(other => other.equals(id))) known.push(id)
      } catch (error) {
        if (!(error instanceof RpcError)) throw error
        unknown.push(address)
      }
    }
    return { known, unknown }
  }

  /** An address that the chain does not know yet has nothing. */
  async #balance(address: Address): Promise<bigint> {
    try {
      return (await this.#node.api.StateGetActor(address, [])).Balance
    } catch (error) {
      if (!(error instanceof RpcError)) throw error
      return 0n
    }
  }
}
