import { z } from 'zod'
import { schemaIssuesText } from '../schema-issue.js'
import { RPC_ERROR, RpcError } from './error.js'
import type { MethodDeclaration } from './method.js'

/** The parameter values of a request, or an error that names method and parameter. */
export function decodeParams(name: string, declaration: MethodDeclaration, params: unknown): unknown[] {
  const declared = declaration.params
  const names = declared.map(param => param.name).join(', ')
  if (!Array.isArray(params)) {
    throw new RpcError(RPC_ERROR.invalidParams, `${name} takes its parameters as an array [${names}]`)
  }
  const needed = declared.filter(param => !param.optional).length
  if (params.length < needed || params.length > declared.length) {
    throw new RpcError(
      RPC_ERROR.invalidParams,
      `${name} takes ${declared.length} parameters (${names}), got ${params.length}`,
    )
  }
  return declared.map((param, index) => {
    const decoded = z.safeDecode(param.schema, (index < params.length ? params[index] : null) as never)
    if (decoded.success) return decoded.data
    throw new RpcError(
      RPC_ERROR.invalidParams,
      `${name}: ${schemaIssuesText(decoded.error, params[index], param.name)}`,
    )
  })
}
