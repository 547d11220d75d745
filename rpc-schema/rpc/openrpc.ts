import { z } from 'zod'
import type { MethodDeclaration, Permission, Service } from './method.js'
import { schemaNames } from './schema-names.js'

export type JsonSchema = { readonly [keyword: string]: unknown }

export interface OpenRpcContentDescriptor {
  readonly name: string
  readonly required?: boolean
  readonly schema: JsonSchema
}

export interface OpenRpcMethod {
  readonly name: string
  readonly summary: string
  readonly paramStructure: 'by-position'
  readonly params: readonly OpenRpcContentDescriptor[]
  readonly result: OpenRpcContentDescriptor
  readonly tags?: readonly { readonly name: string }[]
  /** What the caller's token must allow. */
  readonly 'x-permission': Permission
  /** True when the result is a stream of such values: WebSocket only. */
  readonly 'x-channel'?: true
}

/** A document after https://spec.open-rpc.org, version 1.2.6, whose schemas are JSON Schema draft 7. */
export interface OpenRpcDocument {
  readonly openrpc: '1.2.6'
  readonly info: { readonly title: string; readonly version: string; readonly description?: string }
  readonly methods: readonly OpenRpcMethod[]
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> }
}

export interface OpenRpcInfo {
  title: string
  version: string
  description?: string
}

const DEFINITIONS = '#/definitions/'
const COMPONENTS = '#/components/schemas/'

/**
 * Describes services from their declarations: what is on the wire, not what handlers see. Schemas that have a name
 * (`nameSchemas`) become components, the others are written in place.
 */
export function openRpcDocument(services: Service | readonly Service[], info: OpenRpcInfo): OpenRpcDocument {
  const entries = [services]
    .flat()
    .flatMap(service =>
      Object.entries((service as Service).methods).map(
        ([name, declaration]) => [`${(service as Service).namespace}.${name}`, declaration] as const,
      ),
    )
  // One conversion for all, so that a named schema becomes one component however many methods use it.
  const shape: Record<string, z.ZodType> = {}
  for (const [name, declaration] of entries) {
    for (const { name: param, schema } of declaration.params) shape[slot(name, param)] = wire(schema)
    shape[slot(name)] = wire(declaration.result)
  }
  const converted = z.toJSONSchema(z.object(shape), {
    io: 'input',
    target: 'draft-07',
    metadata: schemaNames,
    unrepresentable: 'any',
  }) as { properties?: Record<string, JsonSchema>; definitions?: Record<string, JsonSchema> }

  const { definitions = {}, properties = {} } = converted
  const schemas = Object.entries(definitions).map(([id, schema]) => [id, cleaned(schema) as JsonSchema] as const)
  schemas.sort(([a], [b]) => (a < b ? -1 : 1))
  const at = (key: string): JsonSchema => cleaned(properties[key]) as JsonSchema
  return {
    openrpc: '1.2.6',
    info: {
      title: info.title,
      version: info.version,
      ...(info.description !== undefined && { description: info.description }),
    },
    methods: entries.map(([name, declaration]) => describe(name, declaration, at)),
    components: { schemas: Object.fromEntries(schemas) },
  }
}

function describe(name: string, declaration: MethodDeclaration, at: (key: string) => JsonSchema): OpenRpcMethod {
  return {
    name,
    summary: declaration.summary,
    paramStructure: 'by-position',
    params: declaration.params.map(param => ({
      name: param.name,
      required: param.optional !== true,
      schema: at(slot(name, param.name)),
    })),
    result: { name: 'result', schema: at(slot(name)) },
    tags: [{ name: `permission:${declaration.permission}` }, ...(declaration.channel ? [{ name: 'websocket' }] : [])],
    'x-permission': declaration.permission,
    ...(declaration.channel && { 'x-channel': true as const }),
  }
}

const slot = (method: string, param = ''): string => `${method}(${param})`

/** A parameter has its place in the array whether or not its value may be missing. */
const wire = (schema: z.ZodType): z.ZodType => schema.nonoptional()

/** Without the bookkeeping of the conversion, and with references that lead to the document's components. */
function cleaned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(cleaned)
  if (typeof value !== 'object' || value === null) return value
  const { $schema: _schema, $id: _id, id, ...rest } = value as Record<string, unknown>
  const entries = Object.entries(typeof id === 'string' || id === undefined ? rest : { id, ...rest })
  const [only] = entries
  if (entries.length === 1 && only![0] === 'allOf' && Array.isArray(only![1]) && only![1].length === 1) {
    return cleaned(only![1][0])
  }
  return Object.fromEntries(entries.map(([key, member]) => [key, key === '$ref' ? reference(member) : cleaned(member)]))
}

const reference = (target: unknown): unknown =>
  typeof target === 'string' && target.startsWith(DEFINITIONS) ? COMPONENTS + target.slice(DEFINITIONS.length) : target
