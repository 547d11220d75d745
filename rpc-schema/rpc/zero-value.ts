import { z } from 'zod'

// Go's JSON decoder leaves a member that is missing or null at its zero value, and its encoder always writes every member.
// These wrappers give a schema the same manners: lenient when decoding, exact when encoding.

/** A member that may be missing or null on the wire and then has Go's zero value; always written. */
export const orZero = <S extends z.ZodType>(schema: S, zero: () => z.output<S>) =>
  z.codec(schema.nullish(), z.custom<z.output<S>>(), {
    decode: value => (value ?? zero()) as z.output<S>,
    encode: value => value as z.output<z.ZodOptional<z.ZodNullable<S>>>,
  })

/** A pointer: null when there is nothing, missing is read as null, always written. */
export const orNull = <S extends z.ZodType>(schema: S) =>
  z.codec(schema.nullish(), z.custom<z.output<S> | null>(), {
    decode: value => (value ?? null) as z.output<S> | null,
    encode: value => value as z.output<z.ZodOptional<z.ZodNullable<S>>>,
  })

/** A pointer with `omitempty`: left out when there is nothing; null is read as nothing. */
export const orAbsent = <S extends z.ZodType>(schema: S) =>
  z.codec(schema.nullish(), z.custom<z.output<S>>().optional(), {
    decode: value => (value ?? undefined) as z.output<S> | undefined,
    encode: value => value as z.output<z.ZodOptional<z.ZodNullable<S>>>,
  })

export const Bool = orZero(z.boolean(), () => false)
export const Text = orZero(z.string(), () => '')
export const Float = orZero(z.number(), () => 0)

/** The result of a method that answers `null` on success. */
export const Null = z.codec(z.null().optional(), z.void(), { decode: () => undefined, encode: () => null })

/** The result of a method that answers without a `result` member; null is accepted too. */
export const NoResult = z.codec(z.null().optional(), z.void(), { decode: () => undefined, encode: () => undefined })
