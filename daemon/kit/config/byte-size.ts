import { z } from 'zod'

const BINARY = ['', 'ki', 'mi', 'gi', 'ti', 'pi', 'ei']
const EXPECTED = 'expected a size like "32GiB", "512MB" or a number of bytes'
const DECIMAL = ['', 'k', 'm', 'g', 't', 'p', 'e']

/** Bytes of `32GiB`, `8 MiB`, `1.5TB`, `2048`. `K M G T` and `KB MB …` are decimal, `KiB MiB …` binary; case does not matter. */
export function parseByteSize(text: string): number {
  const match = /^([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)$/.exec(text.trim())
  const unit = match?.[2]?.toLowerCase().replace(/b$/, '')
  const binary = BINARY.indexOf(unit ?? '?')
  const decimal = DECIMAL.indexOf(unit ?? '?')
  if (!match || (binary < 0 && decimal < 0)) throw new Error(EXPECTED)
  return Math.round(Number(match[1]) * (binary >= 0 ? 1024 ** binary : 1000 ** decimal))
}

/** `32GiB`, `2KiB`, `1.5TiB`; exact binary multiples without a fraction. */
export function formatByteSize(bytes: number): string {
  let power = 0
  while (power < BINARY.length - 1 && bytes >= 1024 ** (power + 1)) power++
  const unit = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'][power]
  return `${Number((bytes / 1024 ** power).toFixed(2))}${unit}`
}

/** A size in a file (text or a bare number of bytes) as bytes. */
export const ByteSize = z
  .codec(z.union([z.string(), z.int().nonnegative()], EXPECTED), z.number(), {
    decode: (value, context) => {
      if (typeof value === 'number') return value
      try {
        return parseByteSize(value)
      } catch (error) {
        context.issues.push({ code: 'custom', input: value, message: (error as Error).message })
        return z.NEVER
      }
    },
    encode: formatByteSize,
  })
  .meta({ title: 'size' })
