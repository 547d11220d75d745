import { z } from 'zod'
import { STAGES, type StageName } from '../../rpc-schema/processor/stages.js'

/** The parts of a JSON Schema that the stages' schemas consist of. */
interface JsonSchema {
  readonly type?: string | readonly string[]
  readonly const?: unknown
  readonly anyOf?: readonly JsonSchema[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | JsonSchema
  readonly propertyNames?: JsonSchema
  readonly items?: JsonSchema
  readonly minItems?: number
  readonly maxItems?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly contentEncoding?: string
}

export interface StageSchemas {
  readonly summary: string
  readonly task: object
  readonly output: object
}

/** JSON Schema of what stands in the frames of each stage. */
export function stageSchemas(stages: readonly StageName[]): Readonly<Record<string, StageSchemas>> {
  return Object.fromEntries(
    stages.map(name => {
      const { summary, task, output } = STAGES[name]
      return [name, { summary, task: jsonSchema(task), output: jsonSchema(output) }]
    }),
  )
}

const jsonSchema = (schema: z.ZodType): JsonSchema =>
  z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema

/** The stages in Markdown: what each does, its task and its output. */
export function stageReference(stages: readonly StageName[]): string {
  return stages
    .map(name => {
      const { summary, task, output } = STAGES[name]
      const notation = `task   ${notationOf(jsonSchema(task))}\noutput ${notationOf(jsonSchema(output))}`
      return `### ${name}\n\n${summary}\n\n\`\`\`\n${notation}\n\`\`\`\n`
    })
    .join('\n')
}

function notationOf(schema: JsonSchema, indent = ''): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.anyOf !== undefined) return schema.anyOf.map(each => notationOf(each, indent)).join(' | ')
  if (Array.isArray(schema.type)) return schema.type.join(' | ')
  if (schema.type === 'array') return arrayNotation(schema, indent)
  if (schema.type === 'object') return objectNotation(schema, indent)
  if (schema.contentEncoding !== undefined) return schema.contentEncoding
  return String(schema.type ?? 'anything')
}

function arrayNotation({ items = {}, minItems, maxItems }: JsonSchema, indent: string): string {
  // Bytes are numbers to JSON; the codec of byte strings checks their range itself, so its schema does not.
  if (items.maximum === 255 || items.type === 'number')
    return minItems !== undefined && minItems === maxItems ? `byte[${minItems}]` : 'byte[]'
  return `[ ${notationOf(items, indent)}, … ]`
}

function objectNotation(schema: JsonSchema, indent: string): string {
  const { properties, required = [], additionalProperties } = schema
  if (properties === undefined) return `{ name: ${notationOf(additionalProperties as JsonSchema, indent)}, … }`
  const members = Object.entries(properties).map(
    ([name, member]) => `${name}${required.includes(name) ? '' : '?'}: ${notationOf(member, `${indent}  `)}`,
  )
  if (typeof additionalProperties === 'object') members.push('… and what the proofs library puts there')
  const line = `{ ${members.join(', ')} }`
  if (indent !== '' && line.length + indent.length < 90 && !line.includes('\n')) return line
  return `{\n${members.map(member => `${indent}  ${member}`).join('\n')}\n${indent}}`
}
