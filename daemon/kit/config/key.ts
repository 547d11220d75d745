import { z } from 'zod'

/** What is known of a key besides its type. */
export interface KeyNote {
  /** What the key is for. */
  readonly about: string
  /** Value when the key is absent, as the program holds it. */
  readonly default?: unknown
  /** In words: what it means that the key is absent, when that is no fixed value. */
  readonly absent?: string
  /** Never shown. */
  readonly secret?: boolean
}

const notes = z.registry<KeyNote>()

export const noteOf = (schema: z.ZodType): KeyNote | undefined => notes.get(schema)

/** A key that must be there. */
export function required<S extends z.ZodType>(schema: S, about: string, more: { secret?: boolean } = {}): S {
  const described = schema.clone() as S
  notes.add(described, { about, ...more })
  return described
}

/** A key that may be left out. */
export function optional<S extends z.ZodType>(
  schema: S,
  about: string,
  otherwise: ({ readonly default: z.output<S> } | { readonly absent: string }) & { readonly secret?: boolean },
): z.ZodOptional<S> {
  const described = schema.optional()
  notes.add(described, { about, ...otherwise })
  return described
}

/** The value of an absent key as it would stand in the file; undefined when there is none. */
export function defaultInFile(schema: z.ZodType): unknown {
  const value = noteOf(schema)?.default
  return value === undefined ? undefined : z.encode(schema, value as never)
}

/** The schema below what makes a key optional. */
const valueSchema = (schema: z.ZodType): z.ZodType =>
  schema instanceof z.ZodOptional || schema instanceof z.ZodNullable
    ? valueSchema(schema.unwrap() as z.ZodType)
    : schema

/** The type of a value in words: the schema's title, else what it is made of. */
export function typeText(schema: z.ZodType): string {
  const value = valueSchema(schema)
  const title = value.meta()?.title
  if (title !== undefined) return title
  if (value instanceof z.ZodArray) return `array of ${typeText(value.element as z.ZodType)}`
  if (value instanceof z.ZodRecord) return `table of ${typeText(value.valueType as z.ZodType)}`
  if (value instanceof z.ZodEnum) return value.options.map(option => `"${option}"`).join(' | ')
  if (value instanceof z.ZodNumber) return (value.format ?? '').includes('int') ? 'integer' : 'number'
  return value.type
}
