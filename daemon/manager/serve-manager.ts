import { VANILLA_ROUTE } from '../../rpc-schema/manager/vanilla-chunk.js'
import { withoutTokens } from '../kit/config/hidden.js'
import { HttpServer } from '../kit/http/http-server.js'
import { Dispatcher, GO_DIALECT } from '../kit/rpc/dispatcher.js'
import { type Authenticate, RpcServer } from '../kit/rpc/rpc-server.js'
import { guarded } from './access/access-control.js'
import { bindManagerApi } from './api/manager-api.js'
import { API_TITLE } from './api/openrpc.js'
import type { Rooms } from './api/rooms.js'
import { httpOrigin, serviceAddresses } from './chain/services.js'
import { healthHandler } from './http/health.js'
import { PIECE_STORE_PATH, pieceStoreHandler } from './http/piece-store.js'
import { RPC_PATH } from './http/rpc-path.js'
import { vanillaStoreHandler } from './http/vanilla-store.js'
import type { Building } from './open-rooms.js'

interface Serving extends Pick<Building, 'setup' | 'db' | 'node' | 'log' | 'closing'> {
  rooms: Rooms
  authenticate: Authenticate
}

/** What the manager serves over HTTP: its API, health, metrics and pieces. */
export function serve({ rooms, setup, db, node, authenticate, log, closing }: Serving): HttpServer {
  const http = new HttpServer(log)
  const dispatcher = new Dispatcher(bindManagerApi(rooms), {
    title: API_TITLE,
    version: rooms.version,
    log,
    dialect: GO_DIALECT,
  })
  const rpc = new RpcServer(dispatcher, { log, authenticate, maxBodyBytes: 100 * 1024 * 1024 }).mount(http, RPC_PATH)
  closing.push(() => {
    rpc.close()
    return http.close()
  })
  http.route(
    '/healthcheck',
    healthHandler({
      database: () => db.raw('SELECT 1'),
      writeProblem: () => rooms.writeRefusals.problem,
      nodeUrl: withoutTokens(node.url),
      head: async () => {
        const { Height, Blocks } = await node.api.ChainHead()
        return { height: Height, timestamp: Blocks[0]?.Timestamp ?? 0 }
      },
      storeNames: () => rooms.stores.names,
      stores: () => rooms.stores.list(),
    }),
  )
  http.route('/metrics', rooms.metrics.handler)
  const [market] = serviceAddresses('market', setup.common.API)
  if (market !== undefined || setup.pieceStores.length > 0) {
    const origin = market === undefined ? undefined : httpOrigin(market)
    const handler = pieceStoreHandler(rooms.pieces, origin, log)
    // Workers of damocles fetch pieces without a token.
    http.route(
      PIECE_STORE_PATH,
      guarded(handler, authenticate, request => request.method === 'PUT'),
    )
  }
  if (rooms.wdPostJobs !== undefined) {
    const handler = vanillaStoreHandler(rooms.wdPostJobs.split)
    http.route(
      VANILLA_ROUTE,
      guarded(handler, authenticate, () => true),
    )
  }
  return http
}
