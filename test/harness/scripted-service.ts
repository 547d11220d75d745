import { HttpServer } from '../../daemon/kit/http/http-server.js'
import { silentLog } from '../../daemon/kit/log.js'
import { bindPart, Dispatcher } from '../../daemon/kit/rpc/dispatcher.js'
import { RpcServer } from '../../daemon/kit/rpc/rpc-server.js'
import type { Handlers, Methods, Service } from '../../rpc-schema/rpc/method.js'

/** A server on loopback that answers the given methods of a service. */
export async function scriptedService<M extends Methods>(
  service: Service<M>,
  handlers: Partial<Handlers<M>>,
  path = '/rpc/v0',
  port = 0,
): Promise<{ url: string; close(): Promise<void> }> {
  const http = new HttpServer(silentLog)
  const dispatcher = new Dispatcher([bindPart(service, handlers)], { title: 'test', version: '0', log: silentLog })
  const rpc = new RpcServer(dispatcher, { log: silentLog }).mount(http, path)
  const bound = await http.listen({ host: '127.0.0.1', port })
  return {
    url: `http://${bound.host}:${bound.port}`,
    close: () => {
      rpc.close()
      return http.close()
    },
  }
}
