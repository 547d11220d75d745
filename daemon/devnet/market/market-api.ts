import { randomUUID } from 'node:crypto'
import { MARKET_EVENT, type marketService, type RequestEvent } from '../../../rpc-schema/chain/market.js'
import { RPC_ERROR, RpcError } from '../../../rpc-schema/rpc/error.js'
import type { Handlers } from '../../../rpc-schema/rpc/method.js'
import { ValueQueue } from '../../../rpc-schema/rpc/value-queue.js'
import type { Market } from './market.js'

const refuse = (message: string): RpcError => new RpcError(RPC_ERROR.application, message)

export function marketApi(market: Market): Handlers<typeof marketService.methods> {
  return {
    AssignDeals: (sector, sectorSize, spec) => market.assign(sector, sectorSize, spec),
    ReleaseDeals: (miner, ids) => market.releaseBuiltIn(miner.id, ids),
    ReleaseDirectDeals: (miner, ids) => market.releaseDirect(miner.id, ids),
    // The market never asks for data back, so after the greeting nothing comes.
    ListenMarketEvent(_policy, { signal }) {
      const queue = new ValueQueue<RequestEvent>()
      const greeting = JSON.stringify({ ChannelId: randomUUID() })
      queue.push({ Id: randomUUID(), Method: MARKET_EVENT.initConnect, Payload: new TextEncoder().encode(greeting) })
      signal.addEventListener('abort', () => queue.end(), { once: true })
      return queue
    },
    ResponseMarketEvent({ Id }) {
      throw refuse(`no event ${Id} waits for an answer`)
    },
  }
}
