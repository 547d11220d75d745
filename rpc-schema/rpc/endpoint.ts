import { createRequire } from 'node:module'

/** Where a JSON-RPC service is reached, and with which token. */
export interface Endpoint {
  readonly scheme: 'http' | 'https' | 'ws' | 'wss'
  /** `host[:port]`, IPv6 in brackets. */
  readonly authority: string
  /** Path of the API, e.g. `/rpc/v0`. */
  readonly path: string
  readonly token: string | undefined
}

const SCHEMES = ['http', 'https', 'ws', 'wss'] as const
const isScheme = (text: string): text is Endpoint['scheme'] => (SCHEMES as readonly string[]).includes(text)

/** `http://host:1789/rpc/v0`; the scheme of the other transport can be asked for (`ws` of an `http` endpoint). */
export function endpointUrl(endpoint: Endpoint, transport?: 'http' | 'ws'): string {
  const secure = endpoint.scheme === 'https' || endpoint.scheme === 'wss'
  const scheme = transport === undefined ? endpoint.scheme : secure ? `${transport}s` : transport
  return `${scheme}://${endpoint.authority}${endpoint.path}`
}

export const isWebSocket = (endpoint: Endpoint): boolean => endpoint.scheme === 'ws' || endpoint.scheme === 'wss'

/** Host and port of an address, for messages and for finding the local interface. */
export function endpointHost(endpoint: Endpoint): { host: string; port: number } {
  const url = new URL(`http://${endpoint.authority}`)
  const secure = endpoint.scheme === 'https' || endpoint.scheme === 'wss'
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || (secure ? 443 : 80)) }
}

/** Loaded when there is one to be read: most addresses are URLs, and every command would wait for it. */
const multiaddrs = (): typeof import('@multiformats/multiaddr') =>
  createRequire(import.meta.url)('@multiformats/multiaddr')

function fromMultiaddr(text: string, defaultScheme: Endpoint['scheme']): Pick<Endpoint, 'scheme' | 'authority'> {
  let host: string | undefined
  let port: string | undefined
  let scheme: Endpoint['scheme'] | undefined
  for (const { name, value } of multiaddrs().multiaddr(text).getComponents()) {
    if (name === 'ip4' || name === 'dns' || name === 'dns4' || name === 'dns6' || name === 'dnsaddr') host = value
    else if (name === 'ip6') host = `[${value}]`
    else if (name === 'tcp') port = value
    else if (name === 'tls') scheme = scheme === 'ws' ? 'wss' : 'https'
    else if (isScheme(name)) scheme = scheme === 'https' && (name === 'http' || name === 'ws') ? `${name}s` : name
    else throw new Error(`/${name} has no meaning in the address of a JSON-RPC service`)
  }
  if (host === undefined) throw new Error('no host (/ip4, /ip6, /dns) in it')
  return { scheme: scheme ?? defaultScheme, authority: port === undefined ? host : `${host}:${port}` }
}

/** A token of any form before a multiaddr or a URL, a JWT before anything. */
const WITH_TOKEN = /^([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*|[^:/\s]+(?=:(?:\/(?:ip|dns)|[a-z]+:\/\/))):(.+)$/

/**
 * Reads the address of a JSON-RPC service in any of the forms operators write:
 * `/ip4/127.0.0.1/tcp/1789[/http|/ws]`, `http://127.0.0.1:1789`, `ws://…`, `127.0.0.1:1789`, each optionally as `TOKEN:ADDRESS`
 * (Lotus's API info). A URL with a path of its own keeps it; otherwise `path` is appended.
 */
export function parseEndpoint(
  text: string,
  options: { path?: string; defaultScheme?: Endpoint['scheme']; token?: string } = {},
): Endpoint {
  const { path = '/rpc/v0', defaultScheme = 'http' } = options
  const split = WITH_TOKEN.exec(text.trim())
  const address = split ? split[2]! : text.trim()
  const token = options.token ?? split?.[1]
  const refuse = (why: string): Error =>
    new Error(
      `cannot read the address ${JSON.stringify(address)}: ${why} (expected a multiaddr like /ip4/127.0.0.1/tcp/1789 or a URL like http://127.0.0.1:1789)`,
    )
  if (address === '') throw refuse('it is empty')
  if (address.startsWith('/')) {
    try {
      return { ...fromMultiaddr(address, defaultScheme), path, token }
    } catch (error) {
      throw refuse(error instanceof Error ? error.message : String(error))
    }
  }
  const withScheme = address.includes('://') ? address : `${defaultScheme}://${address}`
  if (!URL.canParse(withScheme)) throw refuse('not a URL')
  const url = new URL(withScheme)
  const scheme = url.protocol.slice(0, -1)
  if (!isScheme(scheme)) throw refuse(`scheme ${scheme} is not one of ${SCHEMES.join(', ')}`)
  if (url.hostname === '') throw refuse('no host in it')
  return { scheme, authority: url.host, path: url.pathname === '/' || url.pathname === '' ? path : url.pathname, token }
}
