import { gatewayService, PROOF_EVENT } from '../../rpc-schema/chain/gateway.js'
import type { RequestEvent, ResponseEvent } from '../../rpc-schema/chain/market.js'
import { ValueQueue } from '../../rpc-schema/rpc/value-queue.js'
import { eventually } from './eventually.js'
import { scriptedService } from './scripted-service.js'

const LIMIT_MS = 300_000

/** What a gateway has been answered, its payload as text. */
export interface GatewayAnswer extends Omit<ResponseEvent, 'Payload'> {
  readonly Payload: string
}

/** A gateway that asks for winning proofs when a test says so. */
export class ScriptedGateway {
  /** Who listens now, by miner. */
  readonly listeners = new Map<number, ValueQueue<RequestEvent>>()
  readonly answers: GatewayAnswer[] = []
  registered = 0
  refuses = false
  #server!: Awaited<ReturnType<typeof scriptedService>>
  #asked = 0

  private constructor() {}

  static async open(): Promise<ScriptedGateway> {
    const gateway = new ScriptedGateway()
    await gateway.#listen(0)
    return gateway
  }

  get url(): string {
    return this.#server.url
  }

  /** An event, and its answer. */
  async ask(miner: number, method: string, payload: unknown): Promise<GatewayAnswer> {
    const id = `event-${this.#asked++}`
    this.push(miner, id, method, payload)
    return eventually(`the answer to ${id}`, LIMIT_MS, () => this.answers.find(({ Id }) => Id === id))
  }

  push(miner: number, Id: string, Method: string, payload: unknown): void {
    const queue = this.listeners.get(miner)
    if (queue === undefined) throw new Error(`nobody listens for ${miner}`)
    queue.push({ Id, Method, Payload: new TextEncoder().encode(JSON.stringify(payload)) })
  }

  /** The channels end in good order. */
  endAll(): void {
    for (const queue of this.listeners.values()) queue.end()
    this.listeners.clear()
  }

  /** Goes away with all its connections, and is there again at the same address. */
  async restart(): Promise<void> {
    const { port } = new URL(this.url)
    await this.close()
    this.listeners.clear()
    await this.#listen(Number(port))
  }

  close(): Promise<void> {
    return this.#server.close()
  }

  async #listen(port: number): Promise<void> {
    this.#server = await scriptedService(
      gatewayService,
      {
        ListenProofEvent: ({ MinerAddress }, { signal }) => {
          if (this.refuses) throw new Error('no such miner here')
          this.registered += 1
          const { id } = MinerAddress
          const queue: ValueQueue<RequestEvent> = new ValueQueue(() => {
            if (this.listeners.get(id) === queue) this.listeners.delete(id)
          })
          signal.addEventListener('abort', () => void queue.return())
          this.listeners.set(id, queue)
          this.push(id, 'hello', PROOF_EVENT.initConnect, { ChannelId: `channel-${this.registered}` })
          return queue
        },
        // Nothing is ever asked of the market.
        ListenMarketEvent: (_, { signal }) => {
          const queue = new ValueQueue<RequestEvent>(() => {})
          signal.addEventListener('abort', () => void queue.return())
          return queue
        },
        ResponseProofEvent: ({ Payload, ...answer }) =>
          void this.answers.push({ ...answer, Payload: new TextDecoder().decode(Payload) }),
      },
      '/rpc/v2',
      port,
    )
  }
}
