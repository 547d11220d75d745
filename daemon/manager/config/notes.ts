import { z } from 'zod'

export interface KeyNote {
  /** What the key does, for the comment above it in the default file. */
  note: string
  /** Shown commented in the default file when the key has no default. */
  example?: string | number | boolean | readonly (string | number)[]
  /** Never shown. */
  secret?: boolean
}

/** Only keys with a note are written into the default file; those without are old names that are still read. */
export const keyNotes = z.registry<KeyNote>()

export function key<S extends z.ZodType>(schema: S, note: string, example?: KeyNote['example']): S {
  const described = schema.clone() as S
  keyNotes.add(described, { note, ...(example !== undefined && { example }) })
  return described
}

/** A key whose value opens something: it is read like any other, but never shown. */
export function secretKey<S extends z.ZodType>(schema: S, note: string, example?: KeyNote['example']): S {
  const described = schema.clone() as S
  keyNotes.add(described, { note, secret: true, ...(example !== undefined && { example }) })
  return described
}

/** A table whose keys all have defaults, so that it may be missing. */
export const section = <T extends z.core.$ZodLooseShape>(shape: T) =>
  z.object(shape).prefault({} as z.input<z.ZodObject<T>>)
