import { isIP } from 'node:net'
import { z } from 'zod'
import { loadConfig } from '../../kit/config/load.js'
import { readTomlFile } from '../../kit/config/toml-file.js'

const DEFAULT_PORT = 17_890

/** Of the whole configuration only where the worker listens; the rest may be meant for a newer or an older worker. */
const RpcServerOnly = z.looseObject({
  worker: z
    .looseObject({ rpc_server: z.looseObject({ host: z.string().optional(), port: z.int().optional() }).optional() })
    .optional(),
})

const bracketed = (host: string): string => (isIP(host) === 6 ? `[${host}]` : host)

/** Where a worker listens on every interface, it is reached through the loopback. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  return host === '::' ? '::1' : host
}

/** URL of the worker's API: from its configuration file, else from `--host`, else the default on this machine. */
export function workerAddress(options: { config?: string; host?: string }): string {
  if (options.config !== undefined) {
    const { config } = loadConfig(RpcServerOnly, readTomlFile(options.config))
    const { host = '127.0.0.1', port = DEFAULT_PORT } = config.worker?.rpc_server ?? {}
    return `http://${bracketed(reachable(host))}:${port}/`
  }
  if (options.host === undefined) return `http://127.0.0.1:${DEFAULT_PORT}/`
  return options.host.includes('://') ? options.host : `http://${options.host}/`
}
