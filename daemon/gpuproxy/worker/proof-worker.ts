import { errorText } from '../../../rpc-schema/seal-error.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import { BrokenDocumentError, type C2Maker } from './c2-maker.js'
import type { Outbox, Result } from './outbox.js'
import type { Claim, GivenTask, TaskSource } from './task-source.js'

export interface ProofWorkerOptions {
  /** Asked again as long as it fails: the server may start after its workers. */
  source(): Promise<TaskSource>
  /** Reads documents where they lie, when a directory is shared; else the server is asked. */
  readDocument?: ((resourceId: string) => Promise<Uint8Array>) | undefined
  maker: C2Maker
  outbox: Outbox
  maxTasks: number
  types: readonly 0[] | null
  ips: string
  clock: Clock
  log: Logger
  pace?: Partial<Pace>
}

export interface Pace {
  /** Between two questions for a task when there was none, ms. */
  readonly idleMs: number
  /** Between two signs of life: several fit into a lease, ms. */
  readonly reportMs: number
  /** After a failure of the connection: the first pause, and the longest that repetition leads to, ms. */
  readonly retryMs: number
  readonly longestRetryMs: number
  /** How often a document is asked for before the task is given up. */
  readonly documentAttempts: number
}

export const PACE: Pace = {
  idleMs: 2_000,
  reportMs: 20_000,
  retryMs: 1_000,
  longestRetryMs: 30_000,
  documentAttempts: 5,
}

export interface RunningProofWorker {
  /** Takes no more tasks, gives back what has not begun to be proven, and waits for nothing else. */
  stop(): Promise<void>
}

/** Takes tasks from a server, proves them, and sees to it that every result arrives. */
export function startProofWorker(options: ProofWorkerOptions): RunningProofWorker {
  const worker = new ProofWorker(options)
  const running = worker.run()
  return {
    stop: async () => {
      worker.stop()
      await running
    },
  }
}

class ProofWorker {
  readonly #options: ProofWorkerOptions
  readonly #pace: Pace
  readonly #stopping = new AbortController()
  /** What is worked on; the same task may come twice, under one claim after another. */
  readonly #held = new Map<Claim, AbortController>()
  readonly #tasks = new Set<Promise<void>>()
  #freed = (): void => {}

  constructor(options: ProofWorkerOptions) {
    this.#options = options
    this.#pace = { ...PACE, ...options.pace }
  }

  stop(): void {
    this.#stopping.abort(new Error('stopping'))
    this.#freed()
  }

  async run(): Promise<void> {
    const source = await this.#untilDone('reach the server', () => this.#options.source())
    if (source === undefined) return
    const rest = this.#deliverRest(source)
    await Promise.all([rest, this.#report(source), rest.then(() => this.#work(source))])
    await Promise.all(this.#tasks)
  }

  /** What an earlier life of this worker has finished, or was at. */
  async #deliverRest(source: TaskSource): Promise<void> {
    const { outbox, log } = this.#options
    const results = await outbox.list()
    for (const result of results) await this.#deliver(source, result)
    const done = new Set(results.map(({ id }) => id))
    const unfinished = (await this.#untilDone('ask for unfinished tasks', () => source.unfinished())) ?? []
    for (const given of unfinished.filter(({ task }) => !done.has(task.id))) {
      await this.#slot()
      if (this.#stopping.signal.aborted) return
      log.info({ task: given.task.id }, 'going on with a task from before')
      this.#start(source, given)
    }
  }

  async #work(source: TaskSource): Promise<void> {
    const { clock, types } = this.#options
    while (!this.#stopping.signal.aborted) {
      await this.#slot()
      if (this.#stopping.signal.aborted) return
      const given = await this.#untilDone('ask for a task', () => source.claim(types))
      if (given === undefined) await clock.sleep(this.#pace.idleMs, this.#stopping.signal).catch(() => {})
      else this.#start(source, given)
    }
  }

  /** Waits until another task may be taken. */
  async #slot(): Promise<void> {
    while (this.#tasks.size >= this.#options.maxTasks && !this.#stopping.signal.aborted)
      await new Promise<void>(resolve => {
        this.#freed = resolve
      })
  }

  #start(source: TaskSource, given: GivenTask): void {
    const claim = { id: given.task.id, fence: given.fence }
    const lost = new AbortController()
    this.#held.set(claim, lost)
    const running: Promise<void> = this.#prove(source, given, claim, lost.signal)
      .catch((error: unknown) =>
        this.#options.log.error({ err: error, task: claim.id }, `a task was left: ${errorText(error)}`),
      )
      .finally(() => {
        this.#held.delete(claim)
        this.#tasks.delete(running)
        this.#freed()
      })
    this.#tasks.add(running)
  }

  async #prove(source: TaskSource, { task }: GivenTask, claim: Claim, lost: AbortSignal): Promise<void> {
    const { maker, outbox, clock, log } = this.#options
    const signal = AbortSignal.any([this.#stopping.signal, lost])
    const document = await this.#document(source, task.resourceId, signal)
    if (signal.aborted) return this.#giveBack(source, claim, lost)
    let result: Result
    if (document instanceof Error) result = { ...claim, error: errorText(document), forGood: false }
    else {
      log.info({ task: task.id, sizeBytes: document.length }, `start to do c2 task. size: ${document.length}`)
      const start = clock.monotonic()
      try {
        const proof = await maker.prove(document, signal)
        log.info({ task: task.id, tookMs: Math.round(clock.monotonic() - start) }, 'c2 done')
        result = { ...claim, proof }
      } catch (error) {
        if (signal.aborted) return this.#giveBack(source, claim, lost)
        log.error({ err: error, task: task.id }, `c2 failed: ${errorText(error)}`)
        result = { ...claim, error: errorText(error), forGood: error instanceof BrokenDocumentError }
      }
    }
    await outbox.put(result)
    await this.#deliver(source, result)
  }

  async #giveBack(source: TaskSource, claim: Claim, lost: AbortSignal): Promise<void> {
    if (lost.aborted) return
    await source
      .release(claim)
      .catch((error: unknown) =>
        this.#options.log.warn(
          { err: error, task: claim.id },
          `not given back, its lease will end: ${errorText(error)}`,
        ),
      )
  }

  async #document(source: TaskSource, resourceId: string, signal: AbortSignal): Promise<Uint8Array | Error> {
    const { readDocument, clock, log } = this.#options
    const read = readDocument ?? ((id: string) => source.document(id))
    let problem: unknown
    for (let attempt = 0; attempt < this.#pace.documentAttempts && !signal.aborted; attempt++) {
      try {
        return await read(resourceId)
      } catch (error) {
        problem = error
        log.warn({ err: error, resource: resourceId }, `the document of a task cannot be read: ${errorText(error)}`)
        await clock.sleep(this.#pauseMs(attempt), signal).catch(() => {})
      }
    }
    return problem instanceof Error ? problem : new Error(errorText(problem))
  }

  /** Again and again: a proof has cost minutes of a GPU. It stays in the outbox when this worker ends before. */
  async #deliver(source: TaskSource, result: Result): Promise<void> {
    const { outbox, log } = this.#options
    const outcome = await this.#untilDone('hand in a result', () =>
      'proof' in result ? source.record(result, result.proof) : source.fail(result, result.error, result.forGood),
    )
    if (outcome === undefined) return
    await outbox.remove(result.id)
    const what = 'proof' in result ? 'proof' : 'error'
    if (outcome === 'recorded' || outcome === 'ready' || outcome === 'parked')
      log.info({ task: result.id, outcome }, `${what} handed in`)
    else log.warn({ task: result.id, outcome }, `${what} not taken: ${outcome}`)
  }

  async #report(source: TaskSource): Promise<void> {
    const { clock, log, ips, types } = this.#options
    while (!this.#stopping.signal.aborted) {
      try {
        // Only those that were asked about: the same task may be ours again by now, under another claim.
        const asked = [...this.#held]
        const lost = await source.report(
          asked.map(([claim]) => claim),
          ips,
          types === null ? '' : 'C2',
        )
        for (const [{ id }, abort] of asked.filter(([claim]) => lost.includes(claim.id))) {
          log.warn({ task: id }, 'a task is no longer ours: whoever has it now proves it')
          abort.abort(new Error('the task was given to another worker'))
        }
      } catch (error) {
        log.warn({ err: error }, `unable to report worker status: ${errorText(error)}`)
      }
      await clock.sleep(this.#pace.reportMs, this.#stopping.signal).catch(() => {})
    }
  }

  /** Undefined when this worker is stopped before it succeeds. What the server refuses for good is thrown by nobody here: it is asked again. */
  async #untilDone<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    const { clock, log } = this.#options
    for (let attempt = 0; !this.#stopping.signal.aborted; attempt++) {
      try {
        return await work()
      } catch (error) {
        log.warn({ err: error }, `cannot ${what}, trying again: ${errorText(error)}`)
        await clock.sleep(this.#pauseMs(attempt), this.#stopping.signal).catch(() => {})
      }
    }
    return undefined
  }

  #pauseMs(attempt: number): number {
    return Math.min(this.#pace.retryMs * 2 ** attempt, this.#pace.longestRetryMs)
  }
}
