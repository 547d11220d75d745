import { z } from 'zod'

const UNIT_MS: Record<string, number> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}
const PART = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/gy

/** Milliseconds of `1h30m0s`, `-1.5s`, `0`. Throws a RangeError for what Go's parser refuses. */
export function parseGoDuration(text: string): number {
  const negative = text.startsWith('-')
  const body = negative || text.startsWith('+') ? text.slice(1) : text
  if (body === '0') return 0
  let ms = 0
  let end = 0
  for (const [part, digits, unit] of body.matchAll(PART)) {
    ms += Number(digits) * UNIT_MS[unit!]!
    end += part.length
  }
  if (end === 0 || end !== body.length) {
    throw new RangeError(
      `not a duration: ${JSON.stringify(text.slice(0, 60))}, expected something like "1h30m" or "90s"`,
    )
  }
  return negative ? -ms : ms
}

/** With `places` decimals at most and no trailing zeros. */
const decimal = (value: number, places: number): string =>
  value
    .toFixed(places)
    .replace(/(\.\d*?)0+$/, '$1')
    .replace(/\.$/, '')

/** As Go prints it: `1h0m0s`, `3m0s`, `1.5s`, `250ms`, `0s`. */
export function formatGoDuration(ms: number): string {
  if (ms === 0) return '0s'
  const sign = ms < 0 ? '-' : ''
  const magnitude = Math.abs(ms)
  if (magnitude < 1e-3) return `${sign}${Math.round(magnitude * 1e6)}ns`
  if (magnitude < 1) return `${sign}${decimal(magnitude * 1000, 3)}µs`
  if (magnitude < 1000) return `${sign}${decimal(magnitude, 6)}ms`
  const minutes = Math.floor(magnitude / 60_000)
  const seconds = `${decimal((magnitude % 60_000) / 1000, 9)}s`
  if (minutes === 0) return sign + seconds
  const hours = Math.floor(minutes / 60)
  return hours === 0 ? `${sign}${minutes}m${seconds}` : `${sign}${hours}h${minutes % 60}m${seconds}`
}

/** Go's text of a duration <-> milliseconds. */
export const GoDuration = z.codec(z.string(), z.number(), {
  decode: (text, ctx) => {
    try {
      return parseGoDuration(text)
    } catch (error) {
      ctx.issues.push({ code: 'custom', input: text, message: (error as Error).message })
      return z.NEVER
    }
  },
  encode: formatGoDuration,
})
