import { readFileSync } from 'node:fs'
import { z } from 'zod'
import type { MethodDeclaration, Service } from '../../../rpc-schema/rpc/method.js'
import { decodeParams as positionalParams } from '../../../rpc-schema/rpc/positional-params.js'

/** One call as it was recorded: parameters, and either a result or an error. */
export interface RecordedCall {
  tag: string
  method: string
  params: readonly unknown[]
  result?: unknown
  error?: { code: number; message: string }
}

// Compiled tests run from dist/, the vectors stay in the source tree.
const vectors = new URL('../../../../test/vectors/', import.meta.url)

export const vectorText = (path: string): string => readFileSync(new URL(path, vectors), 'utf8')

export const vectorLines = (path: string): unknown[] =>
  vectorText(path)
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as unknown)

export const declarationOf = (service: Service, method: string): MethodDeclaration | undefined =>
  method.startsWith(`${service.namespace}.`) ? service.methods[method.slice(service.namespace.length + 1)] : undefined

/** What the declared parameters make of recorded ones: the decoded values. Throws for wrong ones. */
/** As a server decodes them. */
export const decodeParams = (declaration: MethodDeclaration, params: unknown): unknown[] =>
  positionalParams('recorded call', declaration, params)

/** Recorded wire value → typed value → wire value, as JSON text would carry it. */
export function roundTrip(schema: z.ZodType, wire: unknown): unknown {
  const encoded = z.encode(schema, z.decode(schema, wire as never))
  return encoded === undefined ? undefined : JSON.parse(JSON.stringify(encoded))
}

/** The same text, so that the order of keys counts. */
export const jsonText = (value: unknown): string => JSON.stringify(value) ?? 'undefined'
