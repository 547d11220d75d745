import { z } from 'zod'
import { type EffectiveSetting, type EffectiveTable, place, valueAt } from '../../kit/config/effective-table.js'
import { fileSchema } from '../../kit/config/file-schema.js'
import { HIDDEN, withoutTokens } from '../../kit/config/hidden.js'
import type { TomlFile } from '../../kit/config/toml-file.js'
import { ManagerSettings } from './manager-settings.js'
import { keyNotes } from './notes.js'

type Path = readonly (string | number)[]

/** The value of a key that is not in the file, as it would stand there; undefined when that is "not set". */
export function defaultInFile(schema: z.ZodType): unknown {
  const decoded = z.safeDecode(schema, undefined as never)
  if (!decoded.success || decoded.data === null || decoded.data === undefined) return undefined
  return z.encode(schema, decoded.data)
}

/**
 * Every setting that is in force, with where it comes from; secrets hidden. `file` has its keys as they are declared. Keys that are only read for
 * the sake of old files are shown where they are written.
 */
export function effectiveSettings(file: TomlFile): EffectiveTable[] {
  const tables: EffectiveTable[] = []
  const walk = (schema: z.ZodType, path: Path, names: readonly string[], index?: number): void => {
    const shape = (fileSchema(schema) as z.ZodObject).shape as Record<string, z.ZodType>
    const settings: EffectiveSetting[] = []
    const below: [string, z.ZodType][] = []
    for (const [name, value] of Object.entries(shape)) {
      const inner = fileSchema(value)
      if (inner instanceof z.ZodObject || (inner instanceof z.ZodArray && isTable(inner.element as z.ZodType)))
        below.push([name, value])
      else settings.push(...settingOf(file, [...path, name], name, value))
    }
    const array = index !== undefined
    if (settings.length > 0 && names.length > 0)
      tables.push({
        header: array ? `[[${names.join('.')}]]` : `[${names.join('.')}]`,
        settings,
        ...(array && { index }),
      })
    for (const [name, value] of below) {
      const inner = fileSchema(value)
      const here = [...path, name]
      if (!(inner instanceof z.ZodArray)) {
        walk(value, here, [...names, name])
        continue
      }
      const entries = valueAt(file.value, here)
      for (const at of Array.isArray(entries) ? entries.keys() : [])
        walk(inner.element as z.ZodType, [...here, at], [...names, name], at)
    }
  }
  walk(ManagerSettings, [], [])
  return tables
}

const isTable = (schema: z.ZodType): boolean => fileSchema(schema) instanceof z.ZodObject

function settingOf(file: TomlFile, path: Path, name: string, schema: z.ZodType): EffectiveSetting[] {
  const note = keyNotes.get(schema)
  const written = valueAt(file.value, path)
  if (written !== undefined) {
    const secret = note?.secret === true || SECRET_NAMES.has(name)
    return [{ key: [name], value: shown(written, secret), origin: place(file, path) }]
  }
  if (note === undefined) return []
  const value = defaultInFile(schema)
  return [{ key: [name], value, origin: 'default', ...(value === undefined && { absent: 'not set' }) }]
}

/** Of keys without a note: old forms. */
const SECRET_NAMES: ReadonlySet<string> = new Set(['DSN'])

function shown(value: unknown, secret: boolean): unknown {
  if (secret) return value === '' ? '' : HIDDEN
  if (typeof value === 'string') return withoutTokens(value)
  if (Array.isArray(value)) return value.map(item => shown(item, false))
  if (typeof value !== 'object' || value === null || value instanceof Date) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, shown(inner, /secret|passw|token|key/i.test(key))]),
  )
}
