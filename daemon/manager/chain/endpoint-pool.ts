import { lotusService } from '../../../rpc-schema/chain/index.js'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import { type Connection, DEFAULT_CALL_TIMEOUT_MS } from '../../../rpc-schema/rpc/connection.js'
import { RPC_ERROR, RpcError, RpcTransportError } from '../../../rpc-schema/rpc/error.js'
import type { Client } from '../../../rpc-schema/rpc/method.js'
import { ValueQueue } from '../../../rpc-schema/rpc/value-queue.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import { withDeadline } from '../concurrency/deadline.js'
import { callSafety } from './call-safety.js'
import { EndpointHealth } from './endpoint-health.js'
import { HeadElection, type SeenHead } from './head-election.js'
import { chainError } from './node-errors.js'

export interface EndpointPoolOptions {
  /** In the order of the configuration: the first is believed until there is a reason not to. */
  connections: readonly Connection[]
  clock: Clock
  log: Logger
  /** Pause between two looks at the heads of all endpoints. */
  lookMs?: number
}

interface Endpoint {
  readonly connection: Connection
  readonly api: Client<typeof lotusService.methods>
  readonly health: EndpointHealth
  head: SeenHead | undefined
}

interface Stream {
  readonly endpoint: number
  readonly queue: ValueQueue<unknown>
  /** Of the endpoint itself. */
  readonly items: AsyncIterableIterator<unknown>
}

const LOOK_MS = 5_000
const LOOK_LIMIT_MS = 5_000
/** Pause before the only endpoint is asked again. */
const AGAIN_MS = 250
/** Share of the time of a call that the first endpoint may use up when there are others. */
const FIRST_SHARE = 0.6
const STOP_LIMIT_MS = 1_000

/** What an operator may see of the chain's endpoints. */
export interface EndpointStatus {
  readonly url: string
  readonly believed: boolean
  readonly score: number
  readonly latencyMs: number
  readonly height: number | undefined
}

/**
 * One connection made of several nodes of one chain. Reads go to the endpoint whose head is believed, and on to the others when it fails; what has an
 * effect is never made twice. Streams end with an error when another endpoint takes over, so that whoever follows the chain subscribes anew.
 */
export class EndpointPool implements Connection {
  readonly #endpoints: readonly Endpoint[]
  readonly #clock: Clock
  readonly #log: Logger
  readonly #lookMs: number
  readonly #election: HeadElection
  readonly #streams = new Set<Stream>()
  readonly #stopping = new AbortController()
  /** The endpoint that the last message was pushed to. */
  #sender = 0
  #looking: Promise<void> | undefined

  constructor(options: EndpointPoolOptions) {
    this.#clock = options.clock
    this.#log = options.log
    this.#lookMs = options.lookMs ?? LOOK_MS
    this.#endpoints = options.connections.map(connection => ({
      connection,
      api: rpcClient(lotusService, connection),
      health: new EndpointHealth(),
      head: undefined,
    }))
    this.#election = new HeadElection(this.#endpoints.length)
    if (this.#endpoints.length > 1) this.#looking = this.#look()
  }

  /** Of the endpoint that is believed. */
  get url(): string {
    return this.#current.connection.url
  }

  get endpoints(): readonly EndpointStatus[] {
    return this.#endpoints.map(({ connection, health, head }, index) => ({
      url: connection.url,
      believed: index === this.#election.current,
      score: health.score,
      latencyMs: health.latencyMs,
      height: head?.height,
    }))
  }

  async call(method: string, params: readonly unknown[], options: { timeoutMs?: number } = {}): Promise<unknown> {
    const { repeatable, sticky } = callSafety(method)
    const limitMs = options.timeoutMs ?? DEFAULT_CALL_TIMEOUT_MS
    const end = this.#clock.monotonic() + limitMs
    const order = this.#order(sticky ? this.#sender : this.#election.current)
    const tries = order.length > 1 ? order : [order[0]!, order[0]!]
    let failure: unknown
    for (const [attempt, index] of tries.entries()) {
      const leftMs = end - this.#clock.monotonic()
      if (attempt > 0 && leftMs <= 0) break
      if (attempt > 0 && order.length === 1) await this.#clock.sleep(AGAIN_MS, this.#stopping.signal)
      const share = attempt === 0 && order.length > 1 && repeatable ? FIRST_SHARE : 1
      try {
        const result = await this.#ask(index, method, params, Math.max(1, leftMs * share))
        if (!repeatable) this.#sender = index
        return result
      } catch (error) {
        failure ??= error
        if (!(error instanceof RpcTransportError)) throw error
        if (!repeatable && error.sent) throw error
      }
    }
    throw failure
  }

  async subscribe(method: string, params: readonly unknown[]): Promise<AsyncIterableIterator<unknown>> {
    let failure: unknown
    for (const index of this.#order(this.#election.current)) {
      const { connection, health } = this.#endpoints[index]!
      if (!hasStreams(connection)) continue
      try {
        const items = await connection.subscribe(method, params)
        if (index !== this.#election.current) this.#believe(index, 'the other cannot be followed')
        return this.#pump(index, items)
      } catch (error) {
        if (error instanceof RpcTransportError) health.failed(this.#clock.monotonic())
        failure ??= error
      }
    }
    throw failure ?? new RpcError(RPC_ERROR.methodNotFound, `${method} is a stream: it needs a ws:// address`)
  }

  async close(): Promise<void> {
    this.#stopping.abort(new Error('stopping'))
    this.#endStreams(undefined, 'the connection was closed')
    await Promise.all(this.#endpoints.map(({ connection }) => connection.close()))
    await withDeadline('endpoints of the chain', STOP_LIMIT_MS, this.#looking ?? Promise.resolve()).catch(() => {})
  }

  get #current(): Endpoint {
    return this.#endpoints[this.#election.current]!
  }

  /** Those that rest come last. */
  #order(first: number): number[] {
    const now = this.#clock.monotonic()
    const rank = (index: number): number[] => {
      const { health } = this.#endpoints[index]!
      return [health.rests(now) ? 1 : 0, index === first ? 0 : 1, -health.score]
    }
    return [...this.#endpoints.keys()].sort((a, b) => {
      const [left, right] = [rank(a), rank(b)]
      const at = left.findIndex((value, place) => value !== right[place])
      return at < 0 ? a - b : left[at]! - right[at]!
    })
  }

  async #ask(index: number, method: string, params: readonly unknown[], timeoutMs: number): Promise<unknown> {
    const { connection, health } = this.#endpoints[index]!
    const start = this.#clock.monotonic()
    try {
      const result = await connection.call(method, params, { timeoutMs })
      health.answered(this.#clock.monotonic() - start)
      return result
    } catch (cause) {
      const error = chainError(connection.url, method, cause)
      // An endpoint that says no has answered.
      if (error instanceof RpcTransportError) this.#failed(index, error)
      else health.answered(this.#clock.monotonic() - start)
      throw error
    }
  }

  #failed(index: number, error: RpcTransportError): void {
    const now = this.#clock.monotonic()
    this.#endpoints[index]!.health.failed(now)
    if (index !== this.#election.current) return
    const next = this.#order(index)[0]!
    if (next !== index) this.#believe(next, errorText(error))
  }

  #believe(index: number, why: string): void {
    const from = this.url
    this.#election.choose(index)
    this.#log.warn({ from, to: this.url, why }, 'another endpoint of the chain takes over')
    this.#endStreams(index, `${this.url} takes over`)
  }

  /** Ends all streams but those of one endpoint. */
  #endStreams(except: number | undefined, why: string): void {
    for (const stream of this.#streams) {
      if (stream.endpoint === except) continue
      this.#streams.delete(stream)
      stream.queue.fail(new RpcTransportError(this.#endpoints[stream.endpoint]!.connection.url, why))
      // One that is silent would stay open at its node.
      void stream.items.return?.()
    }
  }

  #pump(endpoint: number, items: AsyncIterableIterator<unknown>): AsyncIterableIterator<unknown> {
    const queue: ValueQueue<unknown> = new ValueQueue(() => {
      this.#streams.delete(stream)
      void items.return?.()
    })
    const stream: Stream = { endpoint, queue, items }
    this.#streams.add(stream)
    const run = async (): Promise<void> => {
      try {
        for await (const item of items) {
          if (!this.#streams.has(stream)) return
          queue.push(item)
        }
        queue.end()
      } catch (error) {
        queue.fail(error as Error)
      } finally {
        this.#streams.delete(stream)
      }
    }
    void run()
    return queue
  }

  async #look(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      await Promise.all(this.#endpoints.map((_, index) => this.#seeHead(index)))
      if (signal.aborted) return
      const before = this.url
      const index = this.#election.look(this.#endpoints.map(({ head }) => head))
      if (this.url !== before) {
        this.#log.warn({ from: before, to: this.url }, 'another endpoint of the chain takes over: its head is heavier')
        this.#endStreams(index, `${this.url} takes over`)
      }
      await this.#clock.sleep(this.#lookMs, signal).catch(() => {})
    }
  }

  async #seeHead(index: number): Promise<void> {
    const endpoint = this.#endpoints[index]!
    const start = this.#clock.monotonic()
    try {
      const see = async (): Promise<SeenHead> => {
        const { Height, Cids } = await endpoint.api.ChainHead()
        return { height: Height, weight: await endpoint.api.ChainTipSetWeight(Cids) }
      }
      endpoint.head = await withDeadline(`head of ${endpoint.connection.url}`, LOOK_LIMIT_MS, see())
      endpoint.health.answered(this.#clock.monotonic() - start)
    } catch (error) {
      endpoint.head = undefined
      if (this.#stopping.signal.aborted) return
      this.#log.debug({ err: error, url: endpoint.connection.url }, 'an endpoint of the chain does not show its head')
      if (!(error instanceof RpcError))
        this.#failed(index, new RpcTransportError(endpoint.connection.url, errorText(error), { cause: error }))
    }
  }
}

export const hasStreams = (connection: Connection): boolean => connection.url.startsWith('ws')
