import { z } from 'zod'
import {
  ComputedProofs,
  ComputeProofRequest,
  type gatewayService,
  PROOF_EVENT,
} from '../../../../rpc-schema/chain/gateway.js'
import type { RequestEvent, ResponseEvent } from '../../../../rpc-schema/chain/market.js'
import type { Client } from '../../../../rpc-schema/rpc/method.js'
import { errorText } from '../../../../rpc-schema/seal-error.js'
import { Address } from '../../../../rpc-schema/wire/address.js'
import type { Clock } from '../../../kit/clock.js'
import type { Logger } from '../../../kit/log.js'
import { listenForever } from '../../chain/event-listener.js'
import type { WinningDesk } from './winning-desk.js'

type GatewayApi = Pick<Client<typeof gatewayService.methods>, 'ListenProofEvent' | 'ResponseProofEvent'>

/** Somebody through whom block producers reach this manager. */
export interface Gateway {
  readonly url: string
  readonly api: GatewayApi
  close(): Promise<void>
}

export interface ProofEventsOptions {
  gateways: readonly Gateway[]
  miners: readonly number[]
  desk: Pick<WinningDesk, 'prove'>
  clock: Clock
  log: Logger
  /** Whether proofs of a miner can be asked for through a gateway at the moment. */
  listening?: (gateway: string, miner: number, isListening: boolean) => void
}

/** A gateway that was away is wanted back before the next epoch. */
const AGAIN_MS = { first: 1_000, most: 5_000 } as const

/** Listens to every gateway for every miner for as long as the daemon runs, and answers with winning proofs. */
export class ProofEvents {
  readonly #options: ProofEventsOptions
  readonly #stopping = new AbortController()
  #running: Promise<unknown> = Promise.resolve()

  constructor(options: ProofEventsOptions) {
    this.#options = options
  }

  start(): void {
    const { gateways, miners } = this.#options
    this.#running = Promise.all(gateways.flatMap(gateway => miners.map(miner => this.#listen(gateway, miner))))
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('stopping'))
    for (const gateway of this.#options.gateways) await gateway.close()
    await this.#running
  }

  #listen({ api, url }: Gateway, miner: number): Promise<void> {
    const { clock, log, listening } = this.#options
    log.info({ url, miner }, `start proof event listening for ${Address.fromId(miner)}`)
    return listenForever(
      {
        open: () => api.ListenProofEvent({ MinerAddress: Address.fromId(miner) }),
        onEvent: event => void this.#answer(api, event, miner),
        onState: isListening => listening?.(url, miner, isListening),
        pauses: AGAIN_MS,
        whose: 'the gateway',
        subject: { url, miner },
        clock,
        log,
      },
      this.#stopping.signal,
    )
  }

  /** Never fails. Each event is answered by itself: one that is slow holds up no other. */
  async #answer(api: GatewayApi, event: RequestEvent, miner: number): Promise<void> {
    const { log } = this.#options
    switch (event.Method) {
      case PROOF_EVENT.initConnect:
        return void log.info({ miner }, `${Address.fromId(miner)} success to connect with proof ${channelOf(event)}`)
      case PROOF_EVENT.computeProof:
        try {
          return void (await api.ResponseProofEvent(await this.#prove(event, miner)))
        } catch (error) {
          return void log.error(
            { err: error, miner, event: event.Id },
            `a winning proof could not be handed in: ${errorText(error)}`,
          )
        }
      default:
        return void log.warn({ miner, method: event.Method }, 'an event of the gateway that is not known here')
    }
  }

  async #prove(event: RequestEvent, miner: number): Promise<ResponseEvent> {
    try {
      const proofs = await this.#options.desk.prove(miner, this.#asked(event, miner), this.#stopping.signal)
      const text = JSON.stringify(z.encode(ComputedProofs, [...proofs]))
      return { Id: event.Id, Payload: new TextEncoder().encode(text), Error: '' }
    } catch (error) {
      return { Id: event.Id, Payload: new Uint8Array(), Error: errorText(error) }
    }
  }

  #asked(event: RequestEvent, miner: number): ComputeProofRequest {
    try {
      return z.decode(ComputeProofRequest, payloadOf(event))
    } catch (error) {
      const why = `the payload of ${event.Method} makes no sense: ${errorText(error)}`
      this.#options.log.error({ err: error, miner, event: event.Id }, why)
      throw new Error(why)
    }
  }
}

const payloadOf = ({ Payload }: RequestEvent) => JSON.parse(new TextDecoder().decode(Payload))

/** Only told: whatever stands there ends nothing. */
function channelOf(event: RequestEvent): string {
  try {
    return String((payloadOf(event) as { ChannelId?: unknown } | null)?.ChannelId ?? '')
  } catch {
    return ''
  }
}
