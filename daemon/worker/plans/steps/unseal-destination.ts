import { fileURLToPath } from 'node:url'
import { SealError } from '../../../../rpc-schema/seal-error.js'

/** Where an unsealed piece is to be sent. */
export type Destination =
  | { readonly kind: 'http'; readonly url: URL }
  /** The resource API of a market. */
  | { readonly kind: 'market'; readonly url: URL; readonly token: string | undefined }
  | { readonly kind: 'file'; readonly path: string }
  /** A path inside an attached store. */
  | { readonly kind: 'store'; readonly store: string; readonly path: string }
  /** The piece store of the manager. */
  | { readonly kind: 'pieceStore'; readonly name: string }

type Reader = (url: URL) => Destination | string

/** By scheme; a string says what is wrong with the URL. */
const READERS: Readonly<Record<string, Reader>> = {
  'http:': url => ({ kind: 'http', url }),
  'https:': url => ({ kind: 'http', url }),
  'market:': readMarket,
  'file:': url => (url.host === '' ? { kind: 'file', path: fileURLToPath(url) } : 'a file is local: file:///path'),
  'store:': url => {
    const path = decodeURIComponent(url.pathname).replace(/^\//, '')
    if (path === '') return 'it names no file'
    if (url.host === '') return { kind: 'pieceStore', name: path }
    return { kind: 'store', store: decodeURIComponent(url.host), path }
  },
}

const ACCEPTED =
  'http(s)://…, market://STORE/PIECE?host=…&scheme=…&token=…, file:///PATH, store://ATTACHED_STORE/PATH, store:///PIECE'

function readMarket(url: URL): Destination | string {
  const { searchParams: query } = url
  const host = query.get('host')
  const scheme = query.get('scheme') ?? 'http'
  if (!host) return 'it lacks host='
  if (scheme !== 'http' && scheme !== 'https') return `scheme=${scheme} is neither http nor https`
  const piece = decodeURIComponent(url.pathname).replace(/^\//, '')
  if (piece === '') return 'it names no piece'
  const origin = `${scheme}://${host}`
  if (!URL.canParse(origin)) return `host=${host} is not a host`
  const target = new URL('/resource', origin)
  target.searchParams.set('resource-id', piece)
  target.searchParams.set('store', decodeURIComponent(url.host))
  return { kind: 'market', url: target, token: query.get('token') || undefined }
}

/** Throws a permanent SealError, which does not show what may be secret. */
export function readDestination(text: string): Destination {
  const refuse = (why: string): SealError =>
    new SealError(
      'permanent',
      `${shownDestination(text)} is no destination for a piece: ${why} (accepted: ${ACCEPTED})`,
    )
  if (!URL.canParse(text)) throw refuse('not a URL')
  const url = new URL(text)
  const reader = READERS[url.protocol]
  if (reader === undefined) throw refuse(`unknown scheme ${url.protocol.slice(0, -1)}`)
  let read: Destination | string
  try {
    read = reader(url)
  } catch {
    throw refuse('it cannot be decoded')
  }
  if (typeof read === 'string') throw refuse(read)
  return read
}

/** For logs and errors: a query may hold tokens and signatures, so it is left out, as are user and password. */
export function shownDestination(text: string): string {
  if (!URL.canParse(text)) return `${/^[a-z][a-z0-9+.-]*:/i.exec(text)?.[0] ?? ''}…`
  const { protocol, host, pathname, search, hash } = new URL(text)
  return `${protocol}//${host}${pathname}${search === '' && hash === '' ? '' : '?…'}`
}

/** What must not be repeated from an answer: all that a query says, and the password. */
export function secretsOf(text: string): string[] {
  if (!URL.canParse(text)) return []
  const { searchParams, password } = new URL(text)
  return [...searchParams.values(), password].filter(value => value.length > 3)
}
