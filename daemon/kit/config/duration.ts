import { z } from 'zod'

const SECOND = 1_000
const EXPECTED = 'expected a duration like "30s", "5min" or "1h30m"'
const DAY = 86_400 * SECOND

/** Milliseconds of each unit, in Go's spelling (`1h30m`, `1.5s`) and humantime's (`1h 30min`, `2days`). A month is 30.44 days, a year 365.25. */
const UNITS: Readonly<Record<string, number>> = Object.fromEntries(
  (
    [
      [1e-6, ['ns', 'nsec', 'nsecs', 'nanos']],
      [1e-3, ['us', 'µs', 'μs', 'usec', 'usecs', 'micros']],
      [1, ['ms', 'msec', 'msecs', 'millis']],
      [SECOND, ['s', 'sec', 'secs', 'second', 'seconds']],
      [60 * SECOND, ['m', 'min', 'mins', 'minute', 'minutes']],
      [3_600 * SECOND, ['h', 'hr', 'hrs', 'hour', 'hours']],
      [DAY, ['d', 'day', 'days']],
      [7 * DAY, ['w', 'week', 'weeks']],
      [30.44 * DAY, ['M', 'month', 'months']],
      [365.25 * DAY, ['y', 'year', 'years']],
    ] as const
  ).flatMap(([ms, names]) => names.map(name => [name, ms])),
)

/** Milliseconds of `30s`, `1h30m`, `1h 30min`, `1.5s`, `0`. Throws on anything else. */
export function parseDuration(text: string): number {
  const trimmed = text.trim()
  if (trimmed === '0') return 0
  const part = /([0-9]+(?:\.[0-9]+)?)\s*([A-Za-zµμ]+)\s*/y
  let ms = 0
  let at = 0
  while (at < trimmed.length) {
    part.lastIndex = at
    const match = part.exec(trimmed)
    const unit = match && UNITS[match[2]!]
    if (!match || unit === undefined || unit === null) throw new Error(EXPECTED)
    ms += Number(match[1]) * unit
    at = part.lastIndex
  }
  if (trimmed === '') throw new Error(EXPECTED)
  return ms
}

/** Go's text of a duration: `1h0m0s`, `1m30s`, `500ms`, `0s`. */
export function formatGoDuration(ms: number): string {
  if (ms === 0) return '0s'
  if (ms < SECOND) return ms >= 1 ? `${trimNumber(ms)}ms` : `${trimNumber(ms * 1_000)}µs`
  const hours = Math.floor(ms / 3_600_000)
  const minutes = Math.floor((ms % 3_600_000) / 60_000)
  const seconds = `${trimNumber((ms % 60_000) / 1_000)}s`
  if (hours > 0) return `${hours}h${minutes}m${seconds}`
  return minutes > 0 ? `${minutes}m${seconds}` : seconds
}

/** For people: `13m 42s`, `5s`, `2h 1m 3s`; whole seconds. */
export function formatElapsed(ms: number): string {
  const total = Math.max(0, Math.floor(ms / SECOND))
  const parts: [number, string][] = [
    [Math.floor(total / 86_400), 'd'],
    [Math.floor((total % 86_400) / 3_600), 'h'],
    [Math.floor((total % 3_600) / 60), 'm'],
    [total % 60, 's'],
  ]
  const text = parts.filter(([count]) => count > 0).map(([count, unit]) => `${count}${unit}`)
  return text.length === 0 ? '0s' : text.join(' ')
}

const trimNumber = (value: number): string => String(Number(value.toFixed(6)))

/** A duration in a file (text) as milliseconds. */
export const Duration = z
  .codec(z.string(EXPECTED), z.number(), {
    decode: (text, context) => {
      try {
        return parseDuration(text)
      } catch (error) {
        context.issues.push({ code: 'custom', input: text, message: (error as Error).message })
        return z.NEVER
      }
    },
    encode: formatGoDuration,
  })
  .meta({ title: 'duration' })
