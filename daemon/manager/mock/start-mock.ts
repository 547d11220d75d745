import { managerService } from '../../../rpc-schema/manager/index.js'
import { HttpServer, type ListenAddress } from '../../kit/http/http-server.js'
import type { Running } from '../../kit/lifecycle.js'
import type { Logger } from '../../kit/log.js'
import { bindPart, Dispatcher } from '../../kit/rpc/dispatcher.js'
import { RpcServer } from '../../kit/rpc/rpc-server.js'
import { RPC_PATH } from '../http/rpc-path.js'
import { type MockOptions, mockApi } from './mock-api.js'

/** A manager without a chain, a configuration and a home. */
export async function startMock(options: MockOptions & { listen: ListenAddress; log: Logger }): Promise<Running> {
  const { listen, log, version } = options
  const http = new HttpServer(log)
  const bound = bindPart(managerService, mockApi(options))
  const dispatcher = new Dispatcher([bound], { title: 'Sealyard manager (mock)', version, log })
  const rpc = new RpcServer(dispatcher, { log }).mount(http, RPC_PATH)
  http.route('/healthcheck', (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"status":"OK"}')
  })
  const { host, port } = await http.listen(listen)
  log.warn({ miner: options.miner }, 'a mock: it keeps nothing and knows no chain')
  return {
    address: `${host.includes(':') ? `[${host}]` : host}:${port}`,
    stop: () => {
      rpc.close()
      return http.close()
    },
  }
}
