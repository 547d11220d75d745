import type { CID } from 'multiformats/cid'
import { type Endpoint, endpointUrl } from '../../../rpc-schema/rpc/endpoint.js'

/** Schemes that are handed to the workers as they are. */
const AS_THEY_ARE: ReadonlySet<string> = new Set(['http:', 'https:', 'file:', 'store:'])

const ACCEPTED = 'http://…, https://…, file:///PATH, store://STORE/PATH, market://STORE/PIECE'

/** The manager's own piece store. */
export const pieceStoreDestination = (pieceCid: CID): string => `store:///${pieceCid}`

/**
 * A destination as workers understand it: the address and the token of the market are added to `market://`. Throws an Error that shows nothing of a
 * destination that may hold secrets.
 */
export function destinationOf(text: string, market: Endpoint | undefined): string {
  if (!URL.canParse(text)) throw new Error(`the destination is not a URL (accepted: ${ACCEPTED})`)
  const url = new URL(text)
  if (AS_THEY_ARE.has(url.protocol)) return text
  if (url.protocol !== 'market:')
    throw new Error(`the destination has the unknown scheme ${url.protocol.slice(0, -1)} (accepted: ${ACCEPTED})`)
  if (market === undefined)
    throw new Error('market:// needs Common.API.Market: it is not configured, so the piece could not be sent there')
  const { host, protocol } = new URL(endpointUrl(market, 'http'))
  url.searchParams.set('token', market.token ?? '')
  url.searchParams.set('host', host)
  url.searchParams.set('scheme', protocol.slice(0, -1))
  return url.href
}

/** For people: a query may hold tokens and signatures, so it is left out, as are user and password. */
export function shownDestination(text: string): string {
  if (!URL.canParse(text)) return '…'
  const { protocol, host, pathname, search } = new URL(text)
  return `${protocol}//${host}${pathname}${search === '' ? '' : '?…'}`
}
