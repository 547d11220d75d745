import { z } from 'zod'
import { ACTOR_METHODS, type ActorMethod, METHOD_SEND } from '../../../rpc-schema/actors/actor-methods.js'
import type { Address } from '../../../rpc-schema/wire/address.js'
import type { ChainApi } from '../chain/chain-node.js'

export interface MethodText {
  readonly name: string
  /** Parameters in JSON; null when there are none, or when they are not known here. */
  readonly params: unknown
}

/** Names of the actors' code whose methods are known here. */
const ACTORS = { storageminer: 'miner', storagepower: 'power', storagemarket: 'market' } as const

/** What a message asks of its receiver, in words. */
export async function methodText(
  chain: ChainApi,
  { To, Method, Params }: { To: Address; Method: number; Params: Uint8Array },
): Promise<MethodText> {
  if (Method === METHOD_SEND) return { name: 'Send', params: null }
  const found = await methodOf(chain, To, Method)
  if (found === undefined) return { name: `method ${Method}`, params: null }
  const shape = found.params
  return { name: found.name, params: shape === null ? null : z.encode(shape.json, shape.decode(Params) as never) }
}

async function methodOf(chain: ChainApi, to: Address, number: number): Promise<ActorMethod | undefined> {
  const [{ Code }, version] = await Promise.all([chain.StateGetActor(to, []), chain.StateNetworkVersion([])])
  const codes = await chain.StateActorCodeCIDs(version)
  for (const [name, actor] of Object.entries(ACTORS)) {
    if (codes[name]?.equals(Code)) return ACTOR_METHODS.find(row => row.actor === actor && row.number === number)
  }
  return undefined
}
