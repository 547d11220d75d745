import { z } from 'zod'
import { fileSchema } from '../../kit/config/file-schema.js'
import { ManagerSettings } from './manager-settings.js'
import { keyNotes } from './notes.js'

/**
 * The file that `daemon init` writes: every declared key with its default, commented out, below table headers that are active, so that an operator
 * only takes away the `#` before what is to be changed.
 */
export function defaultConfigText(): string {
  const lines = ['# Default config:', '# Take away the # before a key to set it.']
  writeTable(ManagerSettings, [], lines)
  return `${lines.join('\n')}\n`
}

function writeTable(schema: z.ZodType, path: readonly string[], lines: string[]): void {
  const shape = (fileSchema(schema) as z.ZodObject).shape as Record<string, z.ZodType>
  const tables: [string, z.ZodType][] = []
  for (const [name, value] of Object.entries(shape)) {
    const kind = fileSchema(value)
    const isTable = kind instanceof z.ZodObject || (kind instanceof z.ZodArray && isObject(kind.element))
    if (isTable) tables.push([name, value])
    else writeKey(name, value, lines)
  }
  for (const [name, value] of tables) {
    const kind = fileSchema(value)
    const array = kind instanceof z.ZodArray
    const element = array ? (kind.element as z.ZodType) : value
    if (!hasNotes(element)) continue
    const header = [...path, name].join('.')
    const note = keyNotes.get(value)?.note
    lines.push('', ...(note === undefined ? [] : [`# ${note}`]), array ? `[[${header}]]` : `[${header}]`)
    writeTable(element, [...path, name], lines)
  }
}

function writeKey(name: string, schema: z.ZodType, lines: string[]): void {
  const note = keyNotes.get(schema)
  if (note === undefined || fileSchema(schema) instanceof z.ZodRecord) return
  const value = note.example ?? defaultOf(schema)
  if (value === undefined || value === null) return
  lines.push(`# ${note.note}`, `#${name} = ${tomlText(value, schema)}`)
}

/** The default as it would stand in a file. */
function defaultOf(schema: z.ZodType): unknown {
  const decoded = z.safeDecode(schema, undefined as never)
  return decoded.success && decoded.data !== null ? z.encode(schema, decoded.data) : undefined
}

function tomlText(value: unknown, schema: z.ZodType): string {
  if (Array.isArray(value)) return `[${value.map(item => tomlText(item, schema)).join(', ')}]`
  if (typeof value === 'number' && Number.isInteger(value) && isFloat(schema)) return value.toFixed(1)
  return JSON.stringify(value)
}

const isObject = (schema: unknown): boolean => fileSchema(schema as z.ZodType) instanceof z.ZodObject

function isFloat(schema: z.ZodType): boolean {
  const kind = fileSchema(schema)
  return kind instanceof z.ZodNumber && !(kind.format ?? '').includes('int')
}

function hasNotes(schema: z.ZodType): boolean {
  const kind = fileSchema(schema)
  if (!(kind instanceof z.ZodObject)) return false
  return Object.values(kind.shape as Record<string, z.ZodType>).some(value => keyNotes.has(value) || hasNotes(value))
}
