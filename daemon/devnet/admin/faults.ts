import type { ENDPOINTS, Fault } from '../../../rpc-schema/devnet/index.js'
import { RPC_ERROR, RpcError } from '../../../rpc-schema/rpc/error.js'
import type { CallContext } from '../../../rpc-schema/rpc/method.js'
import type { Clock } from '../../kit/clock.js'

type Endpoint = (typeof ENDPOINTS)[number]
type Handler = (...args: unknown[]) => unknown

const ANY = '*'
const DEFAULT_DELAY_MS = 1_000

/** Makes calls go wrong as they were told to. */
export class Faults {
  readonly #clock: Clock
  readonly #cut: () => void
  #faults: Fault[] = []

  /** @param cut cuts the connection of the call that runs */
  constructor(clock: Clock, cut: () => void) {
    this.#clock = clock
    this.#cut = cut
  }

  get list(): readonly Fault[] {
    return this.#faults
  }

  add(fault: Fault): void {
    this.#faults.push(fault)
  }

  clear(): void {
    this.#faults = []
  }

  /** The same handlers, each under the faults of its method at this endpoint. */
  around<H extends object>(namespace: string, handlers: H, endpoint: Endpoint): H {
    return Object.fromEntries(
      Object.entries(handlers).map(([name, handler]) => [
        name,
        this.#around(`${namespace}.${name}`, handler as Handler, endpoint),
      ]),
    ) as H
  }

  #around(method: string, handler: Handler, endpoint: Endpoint): Handler {
    return async (...args) => {
      const fault = this.#take(method, endpoint)
      if (fault === undefined) return handler(...args)
      const { signal } = args.at(-1) as CallContext
      switch (fault.Kind) {
        case 'error':
          throw new RpcError(RPC_ERROR.application, fault.Message ?? `${method} fails as it was told to`)
        case 'hang':
          return gone(signal)
        case 'delay':
          await this.#clock.sleep(fault.DelayMs ?? DEFAULT_DELAY_MS, signal)
          return handler(...args)
        case 'drop-after-effect':
          await handler(...args)
          this.#cut()
          return gone(signal)
      }
    }
  }

  #take(method: string, endpoint: Endpoint): Fault | undefined {
    const at = this.#faults.findIndex(
      fault =>
        (fault.Method === method || fault.Method === ANY) &&
        (fault.Endpoint === undefined || fault.Endpoint === endpoint),
    )
    const fault = this.#faults[at]
    if (fault?.Times === undefined) return fault
    if (fault.Times <= 1) this.#faults.splice(at, 1)
    else this.#faults[at] = { ...fault, Times: fault.Times - 1 }
    return fault
  }
}

/** Never answers; ends with the caller. */
const gone = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
