const BARE_KEY = /^[A-Za-z0-9_-]+$/

export const tomlKey = (key: string): string => (BARE_KEY.test(key) ? key : JSON.stringify(key))

/** A value as it stands behind the `=` of a TOML file, on one line. */
export function tomlText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(tomlText).join(', ')}]`
  if (value instanceof Date) return value.toISOString()
  if (typeof value === 'object' && value !== null) {
    const pairs = Object.entries(value).map(([key, inner]) => `${tomlKey(key)} = ${tomlText(inner)}`)
    return pairs.length === 0 ? '{}' : `{ ${pairs.join(', ')} }`
  }
  // TOML's basic strings take JSON's escapes; only DEL must be escaped besides.
  if (typeof value === 'string') return JSON.stringify(value).replaceAll('\x7f', '\\u007f')
  return String(value)
}
