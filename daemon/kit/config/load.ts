import { z } from 'zod'
import { pathText, schemaIssues } from '../../../rpc-schema/schema-issue.js'
import { ConfigError, type ConfigProblem } from './config-error.js'
import { fileSchema } from './file-schema.js'
import { hint } from './near-name.js'
import type { TomlFile } from './toml-file.js'

export interface LoadedConfig<T> {
  readonly config: T
  /** Keys that no declaration knows: ignored, as the original does, but told. */
  readonly warnings: readonly ConfigProblem[]
}

/** Decodes a file by its schema. Throws a ConfigError that lists every problem with its line. */
export function loadConfig<S extends z.ZodType>(schema: S, file: TomlFile): LoadedConfig<z.output<S>> {
  const decoded = z.safeDecode(schema, file.value as never)
  if (!decoded.success) {
    const problems = decoded.error.issues.map((issue, index): ConfigProblem => {
      const { path, message } = schemaIssues(decoded.error, file.value)[index]!
      return { line: file.lineOf(issue.path), path, message }
    })
    throw new ConfigError(file.name, problems)
  }
  return { config: decoded.data, warnings: unknownKeys(schema, file) }
}

/** Every key of the file that the schema does not declare. */
export function unknownKeys(schema: z.ZodType, file: TomlFile): ConfigProblem[] {
  const found: ConfigProblem[] = []
  const walk = (at: z.ZodType, value: unknown, path: (string | number)[]): void => {
    const inner = fileSchema(at)
    if (Array.isArray(value)) {
      if (inner instanceof z.ZodArray) {
        for (const [index, element] of value.entries()) walk(inner.element as z.ZodType, element, [...path, index])
      }
      return
    }
    if (typeof value !== 'object' || value === null) return
    if (inner instanceof z.ZodRecord) {
      for (const [key, element] of Object.entries(value)) walk(inner.valueType as z.ZodType, element, [...path, key])
    }
    if (!(inner instanceof z.ZodObject)) return
    for (const [key, element] of Object.entries(value)) {
      const shape = inner.shape as Record<string, z.ZodType>
      const declared = Object.hasOwn(shape, key) ? shape[key] : undefined
      if (declared) walk(declared, element, [...path, key])
      else if (!inner._zod.def.catchall) found.push(unknownKey(file, [...path, key], Object.keys(inner.shape)))
    }
  }
  walk(schema, file.value, [])
  return found
}

function unknownKey(file: TomlFile, path: (string | number)[], known: readonly string[]): ConfigProblem {
  const key = String(path.at(-1))
  return { line: file.lineOf(path), path: pathText(path), message: `unknown key, ignored${hint(key, known)}` }
}
