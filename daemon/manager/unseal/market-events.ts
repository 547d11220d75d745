import { z } from 'zod'
import {
  MARKET_EVENT,
  marketEventMethods,
  type RequestEvent,
  type ResponseEvent,
  UnsealRequest,
} from '../../../rpc-schema/chain/market.js'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import type { Connection } from '../../../rpc-schema/rpc/connection.js'
import { type Client, service } from '../../../rpc-schema/rpc/method.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import { listenForever } from '../chain/event-listener.js'
import type { UnsealDesk } from './unseal-desk.js'

/** Somebody who may ask for data of our sectors: the market, or a gateway for it. */
export interface EventSource {
  readonly connection: Connection
  readonly namespace: string
}

export interface MarketEventsOptions {
  sources: readonly EventSource[]
  miners: readonly number[]
  desk: Pick<UnsealDesk, 'poll'>
  clock: Clock
  log: Logger
}

type EventApi = Client<typeof marketEventMethods>

/** Pauses before listening again, ms: doubled with every failure in a row. */
const AGAIN_MS = { first: 1_000, most: 30_000 } as const

/** Listens to every source for every miner for as long as the daemon runs, and answers what it is asked. */
export class MarketEvents {
  readonly #options: MarketEventsOptions
  readonly #stopping = new AbortController()
  #running: Promise<unknown> = Promise.resolve()

  constructor(options: MarketEventsOptions) {
    this.#options = options
  }

  start(): void {
    const { sources, miners } = this.#options
    const listeners = sources.flatMap(({ connection, namespace }) => {
      const api = rpcClient(service(namespace, marketEventMethods), connection)
      return miners.map(miner => this.#listen(api, connection.url, miner))
    })
    this.#running = Promise.all(listeners)
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('stopping'))
    for (const { connection } of this.#options.sources) await connection.close()
    await this.#running
  }

  #listen(api: EventApi, url: string, miner: number): Promise<void> {
    const { clock, log } = this.#options
    return listenForever(
      {
        open: () => api.ListenMarketEvent({ Miner: Address.fromId(miner) }),
        onEvent: event => void this.#answer(api, event, miner),
        pauses: AGAIN_MS,
        whose: 'the market',
        subject: { url, miner },
        clock,
        log,
      },
      this.#stopping.signal,
    )
  }

  /** Never fails: an event that cannot be answered is asked again by those who wait for it. */
  async #answer(api: EventApi, event: RequestEvent, miner: number): Promise<void> {
    const { log } = this.#options
    if (event.Method === MARKET_EVENT.initConnect) return void log.info({ miner }, 'the market knows this manager')
    if (event.Method !== MARKET_EVENT.sectorsUnsealPiece)
      return void log.warn({ miner, method: event.Method }, 'an event of the market that is not known here')
    try {
      await api.ResponseMarketEvent(await this.#unseal(event, miner))
    } catch (error) {
      log.warn({ err: error, miner, event: event.Id }, `an event of the market was not answered: ${errorText(error)}`)
    }
  }

  async #unseal(event: RequestEvent, miner: number): Promise<ResponseEvent> {
    try {
      const request = z.decode(UnsealRequest, JSON.parse(new TextDecoder().decode(event.Payload)))
      const { id } = request.Miner
      if (id !== miner) throw new Error(`the piece is asked of miner f0${id}, but these are the events of f0${miner}`)
      const { state, error } = await this.#options.desk.poll({
        sid: { Miner: miner, Number: request.Sid },
        pieceCid: request.PieceCid,
        offset: request.Offset,
        size: request.Size,
        dest: request.Dest,
      })
      if (error !== '') this.#options.log.warn({ miner, event: event.Id }, `unseal for the market failed: ${error}`)
      return { Id: event.Id, Payload: new TextEncoder().encode(JSON.stringify(state)), Error: '' }
    } catch (error) {
      this.#options.log.warn({ err: error, miner, event: event.Id }, `unseal for the market: ${errorText(error)}`)
      return { Id: event.Id, Payload: new Uint8Array(), Error: errorText(error) }
    }
  }
}
