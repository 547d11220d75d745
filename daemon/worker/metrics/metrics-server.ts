import { HttpServer, type ListenAddress } from '../../kit/http/http-server.js'
import type { Logger } from '../../kit/log.js'
import type { MetricsSources, WorkerMetrics } from './worker-metrics.js'

/** `IP:PORT` as checked with the configuration; `[::1]:9000` for IPv6. */
export function listenAddress(text: string): ListenAddress {
  const at = text.lastIndexOf(':')
  return { host: text.slice(0, at).replace(/^\[(.*)\]$/, '$1'), port: Number(text.slice(at + 1)) }
}

export interface MetricsServerParts {
  readonly metrics: WorkerMetrics
  readonly listen: string
  readonly sources: () => MetricsSources
  readonly log: Logger
}

export interface MetricsServer {
  /** URL of the metrics. */
  readonly address: string
  close(): Promise<void>
}

/** Serves `/metrics`. Throws an error that names the key of the configuration when it cannot listen there. */
export async function serveMetrics(parts: MetricsServerParts): Promise<MetricsServer> {
  const { metrics, listen, sources, log } = parts
  const server = new HttpServer(log).route('/metrics', async (_, response) => {
    const text = await metrics.text(sources())
    response.writeHead(200, { 'content-type': metrics.registry.contentType }).end(text)
  })
  // The exporter of damocles-worker answers on every path.
  server.route('/', (_, response) => void response.writeHead(302, { location: '/metrics' }).end())
  const { host, port } = await server.listen(listenAddress(listen)).catch((cause: unknown) => {
    throw new Error(
      'metrics.http_listen of the configuration cannot be used (give another address, or metrics.enable = false)',
      { cause },
    )
  })
  const shown = host.includes(':') ? `[${host}]` : host
  return { address: `http://${shown}:${port}/metrics`, close: () => server.close() }
}
