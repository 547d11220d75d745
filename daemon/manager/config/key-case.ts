import { z } from 'zod'
import { pathText } from '../../../rpc-schema/schema-issue.js'
import { fileSchema } from '../../kit/config/file-schema.js'
import type { TomlFile, TomlTable } from '../../kit/config/toml-file.js'

/**
 * Go's reader takes a key in any case when there is no exact match (`[Miners.Post]` for `PoSt`). Gives the file with its keys spelled as they are
 * declared; lines are still found where the operator wrote them.
 */
export function withDeclaredKeys(schema: z.ZodType, file: TomlFile): TomlFile {
  const written = new Map<string, readonly PropertyKey[]>()
  const value = rename(schema, file.value, [], [], written) as TomlTable
  return {
    name: file.name,
    value,
    lineOf(path) {
      for (let length = path.length; length > 0; length--) {
        const original = written.get(pathText(path.slice(0, length)))
        const line = original && file.lineOf([...original, ...path.slice(length)])
        if (line !== undefined) return line
      }
      return file.lineOf(path)
    },
  }
}

type Path = readonly PropertyKey[]

function rename(
  schema: z.ZodType,
  value: unknown,
  declared: Path,
  original: Path,
  written: Map<string, Path>,
): unknown {
  written.set(pathText(declared), original)
  const inner = fileSchema(schema)
  if (Array.isArray(value)) {
    const element = inner instanceof z.ZodArray ? (inner.element as z.ZodType) : z.unknown()
    return value.map((item, index) => rename(element, item, [...declared, index], [...original, index], written))
  }
  if (typeof value !== 'object' || value === null || !(inner instanceof z.ZodObject)) return value
  const shape = inner.shape as Record<string, z.ZodType>
  const byLowerCase = new Map(Object.keys(shape).map(name => [name.toLowerCase(), name]))
  const renamed: Record<string, unknown> = {}
  for (const [key, item] of Object.entries(value)) {
    const name = Object.hasOwn(shape, key) ? key : (byLowerCase.get(key.toLowerCase()) ?? key)
    if (name !== key && Object.hasOwn(value, name)) continue
    renamed[name] = rename(
      Object.hasOwn(shape, name) ? shape[name]! : z.unknown(),
      item,
      [...declared, name],
      [...original, key],
      written,
    )
  }
  return renamed
}
