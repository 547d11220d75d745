import { z } from 'zod'

type Fold = (value: unknown) => unknown

/** What keeps every value as it is. */
const SAME: Fold = value => value
const folds = new WeakMap<z.ZodType, Fold>()

/**
 * Go's JSON decoder takes the keys of an object in any case, so its clients may send `{"miner":1000}`. Taken literally, that is an object without
 * `Miner`, which is then 0. Brings the keys of a value, at every depth, to the case in which the schema declares them; of several that fall together
 * the last one counts, as there.
 */
export const withDeclaredCase = (schema: z.ZodType, value: unknown): unknown => foldOf(schema)(value)

function foldOf(schema: z.ZodType): Fold {
  const known = folds.get(schema)
  if (known !== undefined) return known
  // A schema that leads back to itself finds this one while it is being made.
  folds.set(schema, value => folds.get(schema)!(value))
  const made = makeFold(schema)
  folds.set(schema, made)
  return made
}

function makeFold(schema: z.ZodType): Fold {
  if (schema instanceof z.ZodObject) return objectFold(schema.shape as Record<string, z.ZodType>)
  if (schema instanceof z.ZodArray) return arrayFold(foldOf(schema.element as z.ZodType))
  if (schema instanceof z.ZodPipe) return foldOf(schema.in as z.ZodType)
  if (schema instanceof z.ZodRecord) return recordFold(foldOf(schema.valueType as z.ZodType))
  if (schema instanceof z.ZodUnion)
    return (schema.options as z.ZodType[]).map(foldOf).reduce((all, fold) => value => fold(all(value)), SAME)
  const inner = (schema.def as { innerType?: unknown }).innerType
  return inner instanceof z.ZodType ? foldOf(inner) : SAME
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function objectFold(shape: Record<string, z.ZodType>): Fold {
  const declared = new Map(Object.entries(shape).map(([key, member]) => [key, foldOf(member)]))
  const byLowerCase = new Map([...declared.keys()].map(key => [key.toLowerCase(), key]))
  const isAsDeclared = (value: Record<string, unknown>): boolean => {
    for (const key in value) {
      const fold = declared.get(key)
      if (fold === undefined ? byLowerCase.has(key.toLowerCase()) : fold !== SAME && fold(value[key]) !== value[key])
        return false
    }
    return true
  }
  return value => {
    // Nearly everything is, and to see that takes no memory.
    if (!isObject(value) || isAsDeclared(value)) return value
    let changed = false
    const entries = Object.entries(value).map(([key, member]) => {
      const name = declared.has(key) ? key : (byLowerCase.get(key.toLowerCase()) ?? key)
      const folded = declared.get(name)?.(member) ?? member
      if (name !== key || folded !== member) changed = true
      return [name, folded] as const
    })
    return changed ? Object.fromEntries(entries) : value
  }
}

function arrayFold(fold: Fold): Fold {
  if (fold === SAME) return SAME
  return value => {
    if (!Array.isArray(value)) return value
    const folded = value.map(fold)
    return folded.some((item, index) => item !== value[index]) ? folded : value
  }
}

function recordFold(fold: Fold): Fold {
  if (fold === SAME) return SAME
  return value =>
    isObject(value) ? Object.fromEntries(Object.entries(value).map(([key, member]) => [key, fold(member)])) : value
}
