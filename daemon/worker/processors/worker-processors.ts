import { z } from 'zod'
import { type BuiltInStages, createBuiltInStages } from '../../../plugins/stages/built-in-stages.js'
import { STAGES } from '../../../rpc-schema/processor/stages.js'
import { SealError } from '../../../rpc-schema/seal-error.js'
import { Admission } from './admission.js'
import { Child } from './child.js'
import { ChildGroup } from './child-group.js'
import { ProcessorError } from './processor-error.js'
import type {
  ChildStage,
  LimitName,
  Processors,
  ProcessorsConfig,
  ProcessorsDeps,
  Release,
  StageName,
  StageOutput,
  StageRun,
  StageTask,
} from './processors.js'
import { Slots } from './slots.js'
import { StageLimits } from './stage-limits.js'

/** How a stage that runs inside the worker is shown. */
const BUILT_IN_NAMES: Readonly<Record<StageName, string>> = {
  add_pieces: 'builtin AddPieces',
  tree_d: 'builtin TreeD',
  pc1: 'builtin PC1',
  pc2: 'builtin PC2',
  synth_proof: 'builtin SynthProof',
  c1: 'builtin C1',
  c2: 'builtin C2',
  clear_cache: 'builtin ClearCache',
  snap_encode: 'builtin SnapEncode',
  snap_vanilla: 'builtin SnapVanilla',
  snap_prove: 'builtin SnapProve',
  unseal: 'builtin Unseal',
  transfer: 'builtin Transfer',
  window_post: 'builtin WindowPoSt',
  winning_post: 'builtin WinningPoSt',
}

/**
 * Stages with `[[processors.<stage>]]` entries run in their children, all others inside the worker, in a pool of threads that stay
 * warm. A native call inside the worker cannot be interrupted: only a child can be killed.
 */
export class WorkerProcessors implements Processors {
  readonly #deps: ProcessorsDeps
  readonly #limits: StageLimits
  readonly #children: readonly Child[]
  readonly #groups = new Map<StageName, ChildGroup>()
  readonly #builtIn: BuiltInStages
  readonly #closing = new AbortController()
  #started: Promise<void> | undefined
  #closed: Promise<void> | undefined

  constructor(config: ProcessorsConfig, deps: ProcessorsDeps) {
    const env = deps.env ?? process.env
    const random = deps.random ?? Math.random
    const admission = new Admission()
    const locks = new Map(Object.entries(config.extLocks).map(([name, holders]) => [name, new Slots(holders)]))
    const children: Child[] = []
    this.#deps = deps
    this.#limits = new StageLimits(config.limitation, deps.clock)
    this.#builtIn = deps.builtIn ?? createBuiltInStages({ env })
    for (const [stage, entries] of Object.entries(config.children) as [
      ChildStage,
      ProcessorsConfig['children'][ChildStage],
    ][]) {
      const group = (entries ?? []).map((entry, index) => {
        const childLocks = [...new Set(entry.locks)].flatMap(name => locks.get(name) ?? [])
        const { log, clock, workerScript } = deps
        return new Child(stage, index, entry, childLocks, {
          log,
          clock,
          env,
          workerScript,
          onChange: () => admission.retry(),
        })
      })
      children.push(...group)
      if (group.length > 0 && stage !== 'sealing_daemons')
        this.#groups.set(stage, new ChildGroup(group, admission, random))
    }
    this.#children = children
  }

  async run<S extends StageName>(stage: S, task: StageTask<S>, run: StageRun = {}): Promise<StageOutput<S>> {
    run.signal?.throwIfAborted()
    if (this.#closed !== undefined) throw closedError(stage)
    const startedAt = this.#deps.clock.monotonic()
    const group = this.#groups.get(stage)
    const output = await (group === undefined
      ? this.#runInside(stage, task, run)
      : this.#runInChild(group, stage, task, run))
    const tookMs = Math.round(this.#deps.clock.monotonic() - startedAt)
    this.#deps.log.info({ stage, sector: run.sector, tookMs }, 'stage done')
    return output
  }

  acquire(stage: LimitName, signal?: AbortSignal): Promise<Release> {
    const closing = this.#closing.signal
    return this.#limits.acquire(stage, signal === undefined ? closing : AbortSignal.any([signal, closing]))
  }

  ready(): Promise<void> {
    this.#started ??= this.#start()
    return this.#started
  }

  close(): Promise<void> {
    this.#closed ??= this.#stop()
    return this.#closed
  }

  async #start(): Promise<void> {
    try {
      await Promise.all(this.#children.map(child => child.start()))
    } catch (error) {
      await Promise.all(this.#children.map(child => child.close()))
      throw error
    }
  }

  async #stop(): Promise<void> {
    this.#closing.abort(closedError('-'))
    await Promise.all([...this.#children.map(child => child.close()), this.#builtIn.close()])
    await this.#started?.catch(() => {})
  }

  async #runInside<S extends StageName>(stage: S, task: StageTask<S>, run: StageRun): Promise<StageOutput<S>> {
    const processor = BUILT_IN_NAMES[stage]
    run.onStart?.(processor)
    try {
      const work = this.#builtIn.run(stage, task, {
        signal: run.signal,
        onProgress: progress => run.onProgress?.(progress),
      })
      return await abandonable(work, run.signal)
    } catch (error) {
      run.signal?.throwIfAborted()
      if (error instanceof SealError) throw error
      if (this.#closed !== undefined) throw closedError(stage)
      throw new ProcessorError('failed', 'permanent', `${stage} failed`, { stage, processor, cause: error })
    }
  }

  async #runInChild<S extends StageName>(
    group: ChildGroup,
    stage: S,
    task: StageTask<S>,
    run: StageRun,
  ): Promise<StageOutput<S>> {
    await this.ready()
    const declaration = STAGES[stage] as { task: z.ZodType; output: z.ZodType }
    const encoded = z.encode(declaration.task, task)
    const signals = [run.signal, run.waitSignal].filter(signal => signal !== undefined)
    const child = await group.acquire(AbortSignal.any(signals))
    const work = async (): Promise<unknown> => {
      run.onStart?.(child.name)
      return await child.request(encoded, progress => run.onProgress?.(progress))
    }
    const answer = work().finally(child.release)
    const output = z.safeDecode(declaration.output, await abandonable(answer, run.signal))
    if (output.success) return output.data as StageOutput<S>
    throw new ProcessorError(
      'garbled',
      'permanent',
      `the ${stage} processor ${child.name} answered with something else than its output: ${z.prettifyError(output.error)}`,
      { stage, processor: child.name },
    )
  }
}

const closedError = (stage: string): ProcessorError =>
  new ProcessorError('closed', 'temporary', 'this worker is stopping', { stage, processor: '-' })

/** The work's own result, or the signal's reason as soon as it aborts; the work goes on unheard. */
async function abandonable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await work
  return await new Promise<T>((resolve, reject) => {
    const leave = (): void => reject(signal.reason)
    if (signal.aborted) leave()
    else signal.addEventListener('abort', leave, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave))
  })
}
