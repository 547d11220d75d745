import type { ProverMethod, ProverRequest, ProverResult } from '../../../../../plugins/prover/calls.js'
import { encodeRequest } from '../../../../../plugins/prover/codec.js'
import { decodeResult } from '../../../../../plugins/prover/prover.js'
import { DeadlineError } from '../../../concurrency/deadline.js'
import { KeyedLock } from '../../../concurrency/keyed-lock.js'
import { HelperProcess } from '../../../storage/helper/helper-process.js'

/** Computes proofs that need no files of stores. */
export interface ProofComputer {
  /** One call at a time. When it is late, or the signal aborts, the call is ended and not only given up. */
  compute<M extends ProverMethod>(
    method: M,
    request: ProverRequest<M>,
    limits: { readonly limitMs: number; readonly signal: AbortSignal },
  ): Promise<ProverResult<M>>
  close(): void
}

/** The vanilla proofs of a partition of 2,349 sectors are 80 MB of text. */
const HEAP_MIB = 2_048
/** Longer than any deadline: whoever waits is held by its signal. */
const WAIT_MS = 24 * 3_600_000

/** The native prover in a process that stays, with its parameters in memory, until it has to be killed. */
export class ProofProcess implements ProofComputer {
  readonly #turns = new KeyedLock()
  #process: HelperProcess | undefined
  #closed = false

  async compute<M extends ProverMethod>(
    method: M,
    request: ProverRequest<M>,
    { limitMs, signal }: { readonly limitMs: number; readonly signal: AbortSignal },
  ): Promise<ProverResult<M>> {
    const answer = await this.#turns.run(
      'proof',
      () => this.#ask(method, encodeRequest(request), limitMs, signal),
      WAIT_MS,
    )
    return decodeResult(method, answer)
  }

  /** Process id, as long as there is one. */
  get pid(): number | undefined {
    return this.#process?.pid
  }

  close(): void {
    this.#closed = true
    this.#process?.kill('the manager stops')
    this.#process = undefined
  }

  async #ask(method: ProverMethod, request: string, limitMs: number, signal: AbortSignal): Promise<string> {
    signal.throwIfAborted()
    if (this.#closed) throw new Error('the manager stops')
    const process = this.#running()
    const end = (): void => process.kill('it is not wanted any more')
    signal.addEventListener('abort', end, { once: true })
    try {
      return await process.request('prove', { method, request }, { limitMs })
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof DeadlineError) process.kill(`${method} is late`)
      throw error
    } finally {
      signal.removeEventListener('abort', end)
    }
  }

  #running(): HelperProcess {
    if (this.#process === undefined || this.#process.isGone)
      this.#process = new HelperProcess(
        { name: 'proofs of this manager', path: '/', plugin: '', meta: {} },
        { heapMiB: HEAP_MIB },
      )
    return this.#process
  }
}
