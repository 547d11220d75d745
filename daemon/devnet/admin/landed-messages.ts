import { z } from 'zod'
import { ACTOR_METHODS, type ActorName } from '../../../rpc-schema/actors/actor-methods.js'
import type { LandedMessage, MessageFilter } from '../../../rpc-schema/devnet/index.js'
import { sectorsOf } from '../actors/dispatch.js'
import type { Chain } from '../chain/chain.js'
import { receiptToWire } from '../chain/message-search.js'
import { type ActorKind, actors, resolveId } from '../state/records.js'

const ACTORS: Partial<Record<ActorKind, ActorName>> = {
  storageminer: 'miner',
  storagepower: 'power',
  storagemarket: 'market',
}

/** Every message of the present fork that suits the filter, oldest first. */
export async function landedMessages(chain: Chain, filter: MessageFilter): Promise<LandedMessage[]> {
  const { state } = await chain.outcome(chain.head)
  const landed = await chain.repository.landedFrom(0)
  return landed.flatMap(({ cid, signed, height, receipt }) => {
    const { Message: message } = signed
    const to = resolveId(state, message.To)
    if (filter.Method !== undefined && message.Method !== filter.Method) return []
    if (filter.Miner !== undefined && to !== filter.Miner) return []
    const kind = to === undefined ? undefined : actors.get(state, to)?.kind
    const actor = kind && ACTORS[kind]
    const method = ACTOR_METHODS.find(row => row.actor === actor && row.number === message.Method)
    return [
      {
        Cid: cid,
        Height: height,
        From: resolveId(state, message.From)!,
        To: to ?? 0,
        Method: message.Method,
        MethodName: method?.name ?? (message.Method === 0 ? 'Send' : ''),
        Sectors: actor === 'miner' ? sectorsOf(message) : [],
        Params: method?.params ? decoded(method.params, message.Params) : null,
        Message: message,
        Receipt: receipt && receiptToWire(receipt),
      },
    ]
  })
}

/** Parameters in JSON; null when they cannot be read, which is a reason for a message to fail. */
function decoded(shape: NonNullable<(typeof ACTOR_METHODS)[number]['params']>, params: Uint8Array): unknown {
  try {
    return z.encode(shape.json, shape.decode(params, 't') as never)
  } catch {
    return null
  }
}
