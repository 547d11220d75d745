import { z } from 'zod'
import { schemaIssuesText } from '../schema-issue.js'
import type { Connection } from './connection.js'
import { RpcAnswerError } from './error.js'
import { mapped } from './mapped-values.js'
import type { Client, MethodDeclaration, Methods, Service } from './method.js'

function encodeParams(name: string, declaration: MethodDeclaration, args: readonly unknown[]): unknown[] {
  return declaration.params.map((param, index) => {
    const encoded = z.safeEncode(param.schema, args[index])
    if (encoded.success) return encoded.data
    throw new TypeError(`${name}: ${schemaIssuesText(encoded.error, args[index], param.name)}`)
  })
}

function decodeResult(name: string, declaration: MethodDeclaration, connection: Connection, result: unknown): unknown {
  const decoded = z.safeDecode(declaration.result, (result === undefined ? null : result) as never)
  if (decoded.success) return decoded.data
  throw new RpcAnswerError(
    connection.url,
    `${name} of ${connection.url} answered something else than declared: ${schemaIssuesText(decoded.error, result, 'result')}`,
  )
}

const channelOf = (
  name: string,
  declaration: MethodDeclaration,
  connection: Connection,
  items: AsyncIterableIterator<unknown>,
): AsyncIterableIterator<unknown> => mapped(items, item => decodeResult(name, declaration, connection, item))

/** The typed client of a service over a connection. Missing trailing arguments are sent as the schema's encoding of undefined. */
export function rpcClient<M extends Methods>(service: Service<M>, connection: Connection): Client<M> {
  const client: Record<string, unknown> = {}
  for (const [method, declaration] of Object.entries(service.methods)) {
    const name = `${service.namespace}.${method}`
    client[method] = async (...args: unknown[]) => {
      const params = encodeParams(name, declaration, args)
      if (!declaration.channel) return decodeResult(name, declaration, connection, await connection.call(name, params))
      return channelOf(name, declaration, connection, await connection.subscribe(name, params))
    }
  }
  return client as Client<M>
}
