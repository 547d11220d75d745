import { SealError, type SealErrorClass } from '../../rpc-schema/seal-error.js'

/** Namespace under which the manager's piece store redirects to a market. */
const MARKET_NAMESPACE = 'v1.IMarket'
const REDIRECTS = new Set([301, 302, 303, 307, 308])
const MOST_REDIRECTS = 10

/** A server on the way answered that there is no piece, or none now. */
export class PieceRefused extends SealError {}

export interface PieceRequest {
  readonly url: string
  readonly token: string | undefined
  /** Wanted when the beginning is there already. `etag`: of the content that the beginning is from. */
  readonly range: { readonly from: number; readonly etag: string | undefined } | undefined
  readonly signal: AbortSignal
  /** At the answer of each server on the way. */
  onAnswer(): void
}

export interface OpenedPiece {
  readonly body: ReadableStream<Uint8Array>
  /** Where the body begins: 0 when the server does not give ranges, or has other content now. */
  readonly from: number
  /** Strong only: a weak one does not vouch for the bytes. */
  readonly etag: string | undefined
}

/**
 * Asks for a piece and follows redirects by hand. The first request is plain; redirected ones carry the market's namespace and, if they
 * go where the token belongs, the token.
 *
 * The token is for the market, and the manager says which market that is by redirecting to it. So it is sent to the manager's own host and
 * to the first other origin; when that market redirects further, to an object store say, whoever answers there does not get it.
 */
export async function openPiece(request: PieceRequest): Promise<OpenedPiece> {
  const { url, token, range, signal, onAnswer } = request
  let at = url
  let market: string | undefined
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects += 1) {
    if (!/^https?:/i.test(at)) throw new SealError('permanent', `fetch ${url}: not an HTTP address: ${at}`)
    // Ranges count the bytes of what is sent, so it must not be compressed.
    const headers: Record<string, string> = { 'Accept-Encoding': 'identity' }
    if (range !== undefined) {
      headers.Range = `bytes=${range.from}-`
      if (range.etag !== undefined) headers['If-Range'] = range.etag
    }
    if (redirects > 0) {
      headers['X-VENUS-API-NAMESPACE'] = MARKET_NAMESPACE
      const { hostname, origin } = new URL(at)
      const managers = hostname === new URL(url).hostname
      if (!managers) market ??= origin
      if (token && (managers || origin === market)) headers.Authorization = `Bearer ${token}`
    }
    const response = await fetch(at, { redirect: 'manual', headers, signal })
    onAnswer()
    if (response.ok && response.body !== null) return await opened(response, request)
    const location = REDIRECTS.has(response.status) ? response.headers.get('location') : null
    const detail = location === null ? await excerpt(response) : ''
    await response.body?.cancel().catch(() => {})
    if (location === null) {
      throw new PieceRefused(statusClass(response.status), `fetch ${at}: status ${response.status}${detail}`)
    }
    at = new URL(location, at).href
  }
  throw new SealError('permanent', `fetch ${url}: more than ${MOST_REDIRECTS} redirects`)
}

/** A range that was not asked for, or of other content, is not taken: then the whole is asked for. */
async function opened(response: Response, { range, ...request }: PieceRequest): Promise<OpenedPiece> {
  const etag = response.headers.get('etag')
  const strong = etag === null || etag.startsWith('W/') ? undefined : etag
  const body = response.body!
  if (response.status !== 206) return { body, from: 0, etag: strong }
  const from = Number(/^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1])
  if (range !== undefined && from === range.from && strong === range.etag) return { body, from, etag: strong }
  await body.cancel().catch(() => {})
  if (range === undefined) throw new SealError('permanent', `fetch ${request.url}: a part was sent, all was asked for`)
  return await openPiece({ ...request, range: undefined })
}

const statusClass = (status: number): SealErrorClass =>
  status >= 500 || status === 408 || status === 425 || status === 429 ? 'temporary' : 'permanent'

async function excerpt(response: Response): Promise<string> {
  const reader = response.body?.getReader()
  const first = await reader?.read().catch(() => undefined)
  reader?.releaseLock()
  const text = first?.value ? Buffer.from(first.value).toString('utf8', 0, 200).trim() : ''
  return text === '' ? '' : `: ${text}`
}
