import { z } from 'zod'
import { schemaIssuesText } from '../schema-issue.js'
import { RPC_ERROR, RpcError } from './error.js'
import { withDeclaredCase } from './key-case.js'
import type { MethodDeclaration } from './method.js'

/**
 * The parameter values of a request, or an error that names method and parameter. `undecodable` is the number of the error for a value that is not
 * what the parameter declares.
 */
export function decodeParams(
  name: string,
  declaration: MethodDeclaration,
  params: unknown,
  undecodable: number = RPC_ERROR.invalidParams,
): unknown[] {
  const declared = declaration.params
  const names = (): string => declared.map(param => param.name).join(', ')
  if (!Array.isArray(params)) {
    throw new RpcError(undecodable, `${name} takes its parameters as an array [${names()}]`)
  }
  const needed = declared.reduce((count, { optional }) => (optional ? count : count + 1), 0)
  if (params.length < needed || params.length > declared.length) {
    throw new RpcError(
      RPC_ERROR.invalidParams,
      `${name} takes ${declared.length} parameters (${names()}), got ${params.length}`,
    )
  }
  return declared.map((param, index) => {
    const value = index < params.length ? withDeclaredCase(param.schema, params[index]) : null
    const decoded = z.safeDecode(param.schema, value as never)
    if (decoded.success) return decoded.data
    throw new RpcError(undecodable, `${name}: ${schemaIssuesText(decoded.error, value, param.name)}`)
  })
}
