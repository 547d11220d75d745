import { RPC_ERROR, RpcError } from '../../../rpc-schema/rpc/error.js'
import type { Address } from '../../../rpc-schema/wire/address.js'
import type { TipSetKey } from '../../../rpc-schema/wire/tipset-key.js'
import type { Chain } from '../chain/chain.js'
import type { ChainTipSet } from '../chain/tipset.js'
import { type ActorRecord, actors, type MinerRecord, miners, resolveId } from '../state/records.js'

/** The error of a node: code 1, and its words. */
export const nodeError = (message: string): RpcError => new RpcError(RPC_ERROR.application, message)

/** Lotus answers this code where an address cannot be resolved. */
const ACTOR_NOT_FOUND = 11

/** The tipset of a key whose state is kept; the head for an empty key. */
export function tipsetOf(chain: Chain, key: TipSetKey): ChainTipSet {
  if (key.length === 0) return chain.head
  const tipset = key.length === 1 ? chain.known(key[0]!) : undefined
  if (tipset === undefined) throw nodeError(`loading tipset ${key.join(', ')}: ipld: could not find ${key[0]}`)
  return tipset
}

/** An actor of any address. */
export function actorOf(tipset: ChainTipSet, address: Address): ActorRecord {
  const id = resolveId(tipset.state, address)
  if (id === undefined) throw nodeError('actor not found')
  return actors.get(tipset.state, id)!
}

/** The id of an address, whether or not anything lives there when it is an ID address. */
export function idOf(tipset: ChainTipSet, address: Address): number {
  if (address.isId) return address.id
  const id = resolveId(tipset.state, address)
  if (id === undefined) throw new RpcError(ACTOR_NOT_FOUND, 'actor not found')
  return id
}

export interface FoundMiner {
  readonly id: number
  readonly actor: ActorRecord
  readonly miner: MinerRecord
}

export function minerOf(tipset: ChainTipSet, address: Address): FoundMiner {
  const id = resolveId(tipset.state, address)
  const actor = id === undefined ? undefined : actors.get(tipset.state, id)
  if (actor === undefined) throw nodeError('failed to load miner actor: actor not found')
  const miner = miners.get(tipset.state, actor.id)
  if (miner === undefined) throw nodeError(`failed to load miner actor state: actor code is not miner: ${actor.kind}`)
  return { id: actor.id, actor, miner }
}
