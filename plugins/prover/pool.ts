import { createRequire } from 'node:module'
import type { Piscina as Threads } from 'piscina'
import type { ProverMethod, ProverRequest, ProverResult } from './calls.js'
import { encodeRequest } from './codec.js'
import { ProofsError } from './errors.js'
import type { PoolTask } from './pool-worker.js'
import { decodeResult } from './prover.js'

export interface ProverPoolOptions {
  /** Calls that run at once. What they may take together (memory, cores) is the caller's to decide. */
  readonly threads: number
}

export interface PoolCallOptions {
  /** Ends the wait. A call that waits for a thread is not made; a running one cannot be stopped, only its result is dropped. */
  readonly signal?: AbortSignal | undefined
}

/** Threads that stay alive and answer calls of the proofs off the event loop. */
export interface ProverPool {
  readonly threads: number
  /** Calls that wait for a thread. */
  readonly queued: number
  call<M extends ProverMethod>(
    method: M,
    request: ProverRequest<M>,
    options?: PoolCallOptions,
  ): Promise<ProverResult<M>>
  /** Refuses the waiting calls and waits for the running ones. */
  close(): Promise<void>
}

const cancelled = (method: string, reason: unknown): ProofsError =>
  new ProofsError({ code: 'CANCELLED', message: `${method} was given up`, causes: [String(reason)] })

/** Loaded with the first pool: daemons that may need one start without it. */
const loadThreads = (): typeof Threads =>
  (createRequire(import.meta.url)('piscina') as { Piscina: typeof Threads }).Piscina

export function createProverPool({ threads }: ProverPoolOptions): ProverPool {
  const Piscina = loadThreads()
  const piscina = new Piscina<PoolTask, string>({
    filename: new URL('./pool-worker.js', import.meta.url).href,
    minThreads: threads,
    maxThreads: threads,
    idleTimeout: Number.POSITIVE_INFINITY,
    concurrentTasksPerWorker: 1,
  })
  // Piscina ends the thread of an aborted task, and would wait for the native code in it: calls queue here and run there.
  const turns = new Turns(threads)

  const run = async (task: PoolTask, signal: AbortSignal | undefined): Promise<string> => {
    await turns.take(task.method, signal)
    const running = piscina.run(task).finally(() => turns.give())
    if (signal === undefined) return running
    return new Promise<string>((resolve, reject) => {
      const onAbort = () => reject(cancelled(task.method, signal.reason))
      signal.addEventListener('abort', onAbort, { once: true })
      running.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
    })
  }

  return {
    threads,
    get queued() {
      return turns.waiting
    },
    call: async (method, request, { signal } = {}) =>
      decodeResult(method, await run({ method, request: encodeRequest(request) }, signal)),
    close: async () => {
      turns.refuse('the pool was closed')
      await piscina.close()
    },
  }
}

interface Waiting {
  go(): void
  refuse(reason: string): void
}

/** At most so many at once, in order of arrival. */
class Turns {
  #free: number
  readonly #queue = new Set<Waiting>()

  constructor(count: number) {
    this.#free = count
  }

  get waiting(): number {
    return this.#queue.size
  }

  take(method: string, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) return Promise.reject(cancelled(method, signal.reason))
    if (this.#free > 0) {
      this.#free -= 1
      return Promise.resolve()
    }
    return new Promise<void>((resolve, reject) => {
      const leave = () => {
        this.#queue.delete(waiting)
        signal?.removeEventListener('abort', onAbort)
      }
      const onAbort = () => waiting.refuse(String(signal?.reason))
      const waiting: Waiting = {
        go: () => {
          leave()
          resolve()
        },
        refuse: reason => {
          leave()
          reject(cancelled(method, reason))
        },
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#queue.add(waiting)
    })
  }

  give(): void {
    const [next] = this.#queue
    if (next === undefined) this.#free += 1
    else next.go()
  }

  refuse(reason: string): void {
    for (const waiting of [...this.#queue]) waiting.refuse(reason)
  }
}
