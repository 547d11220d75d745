import type { z } from 'zod'

/** Lotus's permission ladder: each one includes those before it. */
export const PERMISSIONS = ['read', 'write', 'sign', 'admin'] as const
export type Permission = (typeof PERMISSIONS)[number]

export interface Param<N extends string = string, S extends z.ZodType = z.ZodType> {
  readonly name: N
  readonly schema: S
  /** A caller may leave it, and what follows it, out: it is then null. */
  readonly optional?: boolean
}

/** Declares one positional parameter. */
export const param = <const N extends string, S extends z.ZodType>(
  name: N,
  schema: S,
  options: { optional?: boolean } = {},
): Param<N, S> => ({ name, schema, ...options })

export interface MethodDeclaration<P extends readonly Param[] = readonly Param[], R extends z.ZodType = z.ZodType> {
  readonly summary: string
  readonly params: P
  readonly result: R
  readonly permission: Permission
  /** The result is a stream of `result` values (a go-jsonrpc channel): WebSocket only. */
  readonly channel: boolean
}

type Options = { permission?: Permission }

/** Declares a method: everything else (client, server, docs) is derived from this. */
export function method<const P extends readonly Param[], R extends z.ZodType>(
  summary: string,
  params: P,
  result: R,
  options: Options = {},
): MethodDeclaration<P, R> & { readonly channel: false } {
  return { summary, params, result, permission: options.permission ?? 'read', channel: false }
}

/** Declares a method whose result is a stream of values. */
export function channel<const P extends readonly Param[], R extends z.ZodType>(
  summary: string,
  params: P,
  item: R,
  options: Options = {},
): MethodDeclaration<P, R> & { readonly channel: true } {
  return { summary, params, result: item, permission: options.permission ?? 'read', channel: true }
}

export type Methods = { readonly [name: string]: MethodDeclaration }

/** A set of methods under one namespace; `Venus` + `AllocateSector` is `Venus.AllocateSector` on the wire. */
export interface Service<M extends Methods = Methods> {
  readonly namespace: string
  readonly methods: M
}

export const service = <const M extends Methods>(namespace: string, methods: M): Service<M> => ({ namespace, methods })

/** The decoded parameter values of a method, in order. */
export type ParamValues<D extends MethodDeclaration> = D extends { params: infer P extends readonly Param[] }
  ? { -readonly [I in keyof P]: P[I] extends Param<string, infer S> ? z.output<S> : never }
  : never

export type ResultValue<D extends MethodDeclaration> = z.output<D['result']>

/** The typed face of a service, as a client sees it. */
export type Client<M extends Methods> = {
  readonly [K in keyof M]: (
    ...args: ParamValues<M[K]>
  ) => Promise<M[K] extends { channel: true } ? AsyncIterableIterator<ResultValue<M[K]>> : ResultValue<M[K]>>
}

/** What a handler may know of its caller. */
export interface CallContext {
  readonly transport: 'http' | 'ws'
  /** Aborted when the caller has gone (WebSocket) or the server stops. */
  readonly signal: AbortSignal
}

/** The typed face of a service, as a server implements it. */
export type Handlers<M extends Methods> = {
  readonly [K in keyof M]: (
    ...args: [...ParamValues<M[K]>, CallContext]
  ) => M[K] extends { channel: true }
    ? AsyncIterable<ResultValue<M[K]>> | Promise<AsyncIterable<ResultValue<M[K]>>>
    : ResultValue<M[K]> | Promise<ResultValue<M[K]>>
}
