import { z } from 'zod'

/**
 * A Go slice: nil crosses the wire as null (or not at all) and is an empty list to us; it is always encoded as an array, which every
 * reader takes.
 */
export function list<S extends z.ZodType>(item: S) {
  return z.codec(
    z.array(item).nullish(),
    z.custom<z.output<S>[]>(value => Array.isArray(value), 'expected an array'),
    { decode: items => items ?? [], encode: items => items },
  )
}

/** A Go slice whose nil says something else than empty: null stays null, missing decodes to null. */
export function nullableList<S extends z.ZodType>(item: S) {
  return z.codec(
    z.array(item).nullish(),
    z.custom<z.output<S>[] | null>(value => value === null || Array.isArray(value), 'expected an array or null'),
    { decode: items => items ?? null, encode: items => items },
  )
}
