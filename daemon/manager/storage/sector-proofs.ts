import type { ProverMethod, ProverRequest, ProverResult } from '../../../plugins/prover/calls.js'
import { encodeRequest } from '../../../plugins/prover/codec.js'
import { decodeResult } from '../../../plugins/prover/prover.js'
import type { Logger } from '../../kit/log.js'
import { KeyedLock } from '../concurrency/keyed-lock.js'
import { StoreHelper } from './helper/store-helper.js'

/** Makes proofs over files of stores. */
export interface SectorProver {
  /** In a process of its own for each store, one call at a time, killed after its limit. */
  prove<M extends ProverMethod>(
    store: string,
    method: M,
    request: ProverRequest<M>,
    limits: { readonly runMs: number; readonly waitMs: number },
  ): Promise<ProverResult<M>>
  close(): void
}

/** With the native prover, which reads the files itself and cannot be stopped in the middle of it: so in processes that can be killed. */
export class NativeSectorProver implements SectorProver {
  readonly #log: Logger
  readonly #niceness: number
  readonly #helpers = new Map<string, StoreHelper>()
  readonly #turns = new KeyedLock()

  /** `niceness`: of its processes, 0 to 19; what can wait leaves the machine to what cannot. */
  constructor(log: Logger, niceness = 0) {
    this.#log = log
    this.#niceness = niceness
  }

  async prove<M extends ProverMethod>(
    store: string,
    method: M,
    request: ProverRequest<M>,
    { runMs, waitMs }: { readonly runMs: number; readonly waitMs: number },
  ): Promise<ProverResult<M>> {
    const helper = this.#helper(store)
    const ask = (): Promise<string> =>
      helper.request('prove', { method, request: encodeRequest(request) }, { limitMs: runMs })
    return decodeResult(method, await this.#turns.run(store, ask, waitMs))
  }

  close(): void {
    for (const helper of this.#helpers.values()) helper.close()
  }

  #helper(store: string): StoreHelper {
    const known = this.#helpers.get(store)
    if (known !== undefined) return known
    const task = { name: `${store} (proofs)`, path: '/', plugin: '', meta: {} }
    const helper = new StoreHelper({ task, log: this.#log, niceness: this.#niceness })
    this.#helpers.set(store, helper)
    return helper
  }
}
