const UNITS = [
  ['year', 365 * 86_400],
  ['week', 7 * 86_400],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
] as const

/** `2 weeks 3 days`: the two largest units that are not 0. */
export function roughDuration(seconds: number): string {
  const parts: string[] = []
  let rest = Math.floor(seconds)
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size)
    rest -= count * size
    if (count > 0) parts.push(`${count} ${unit}${count === 1 ? '' : 's'}`)
  }
  return parts.slice(0, 2).join(' ') || '0 seconds'
}

/** `123 (in 2 days 3 hours)`, `123 (1 minute ago)`, `123 (now)`. */
export function epochText(epoch: number, now: number, blockDelaySecs: number): string {
  if (epoch === now) return `${epoch} (now)`
  const distance = roughDuration(Math.abs(epoch - now) * blockDelaySecs)
  return epoch < now ? `${epoch} (${distance} ago)` : `${epoch} (in ${distance})`
}

/** Time of day at which an epoch begins, by a known epoch's timestamp (seconds since the Unix epoch). */
export function clockText(epoch: number, known: { height: number; timestamp: number }, blockDelaySecs: number): string {
  const at = new Date((known.timestamp + (epoch - known.height) * blockDelaySecs) * 1000)
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map(part => String(part).padStart(2, '0')).join(':')
}
