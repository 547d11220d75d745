import { setMaxListeners } from 'node:events'
import { z } from 'zod'
import { type BuiltInStages, createBuiltInStages } from '../../../plugins/stages/built-in-stages.js'
import { STAGES } from '../../../rpc-schema/processor/stages.js'
import { SealError } from '../../../rpc-schema/seal-error.js'
import { Admission } from '../../kit/processors/admission.js'
import { Child } from '../../kit/processors/child.js'
import { type ChildConfig, DEFAULT_CHILD } from '../../kit/processors/child-config.js'
import { ChildGroup } from '../../kit/processors/child-group.js'
import { PostingMarks } from '../../kit/processors/posting-marks.js'
import { ProcessorError } from '../../kit/processors/processor-error.js'
import { Slots } from '../../kit/processors/slots.js'
import { urgencyOf } from '../../kit/processors/urgency.js'
import { readTopology } from '../hardware/read-topology.js'
import { NO_OBSERVER, type ProcessorObserver } from './observer.js'
import { checkPlacement } from './placement/check-placement.js'
import { Placement } from './placement/placement.js'
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
import { StageLimits } from './stage-limits.js'
import { STAGE_PLACES } from './stage-places.js'

/** How a stage without entries is shown. */
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
  snap_decode: 'builtin SnapDecode',
  unseal: 'builtin Unseal',
  transfer: 'builtin Transfer',
  window_post: 'builtin WindowPoSt',
  winning_post: 'builtin WinningPoSt',
}

/** The process of a stage that has no entry and must not run inside the worker. Started with the first task. */
interface OwnChild {
  readonly child: Child
  readonly group: ChildGroup
  started: Promise<void> | undefined
}

/**
 * Stages with `[[processors.<stage>]]` entries run in their children; the others in a pool of threads that stay warm or in a process of
 * their own, as {@link STAGE_PLACES} says. A native call inside the worker cannot be interrupted: only a child can be killed.
 */
export class WorkerProcessors implements Processors {
  readonly #config: ProcessorsConfig
  readonly #deps: ProcessorsDeps
  readonly #env: NodeJS.ProcessEnv
  readonly #observer: ProcessorObserver
  readonly #placement: Placement
  readonly #admission = new Admission()
  readonly #random: () => number
  readonly #limits: StageLimits
  readonly #children: readonly Child[]
  readonly #groups = new Map<StageName, ChildGroup>()
  readonly #ownChildren = new Map<StageName, OwnChild>()
  readonly #builtIn: BuiltInStages
  readonly #marks: PostingMarks
  readonly #closing = new AbortController()
  #started: Promise<void> | undefined
  #closed: Promise<void> | undefined

  constructor(config: ProcessorsConfig, deps: ProcessorsDeps) {
    const { log, clock, procRoot, toolPath } = deps
    // Everyone who waits listens for the end.
    setMaxListeners(0, this.#closing.signal)
    this.#config = config
    this.#deps = deps
    this.#env = deps.env ?? process.env
    this.#marks = deps.marks ?? new PostingMarks(log)
    this.#observer = deps.observer ?? NO_OBSERVER
    this.#random = deps.random ?? Math.random
    this.#placement = new Placement({ log, clock, procRoot, searchPath: toolPath })
    this.#limits = new StageLimits(config.limitation, clock)
    this.#builtIn = deps.builtIn ?? createBuiltInStages({ env: this.#env })
    const locks = new Map(Object.entries(config.extLocks).map(([name, holders]) => [name, new Slots(holders)]))
    const children: Child[] = []
    for (const [stage, entries] of Object.entries(config.children) as [ChildStage, readonly ChildConfig[]][]) {
      const group = (entries ?? []).map((entry, index) => {
        const childLocks = [...new Set(entry.locks)].flatMap(name => locks.get(name) ?? [])
        return this.#child(stage, index, entry, childLocks)
      })
      children.push(...group)
      if (group.length > 0 && stage !== 'sealing_daemons') this.#groups.set(stage, this.#group(stage, group))
    }
    this.#children = children
  }

  async run<S extends StageName>(stage: S, task: StageTask<S>, run: StageRun = {}): Promise<StageOutput<S>> {
    run.signal?.throwIfAborted()
    if (this.#closed !== undefined) throw closedError(stage)
    const startedAt = this.#deps.clock.monotonic()
    const output = await this.#runSomewhere(stage, task, this.#observed(stage, run))
    const tookMs = Math.round(this.#deps.clock.monotonic() - startedAt)
    this.#deps.log.info({ stage, sector: run.sector, tookMs }, 'stage done')
    return output
  }

  async acquire(stage: LimitName, signal?: AbortSignal): Promise<Release> {
    const closing = this.#closing.signal
    const startedAt = this.#deps.clock.monotonic()
    const release = await this.#limits.acquire(
      stage,
      signal === undefined ? closing : AbortSignal.any([signal, closing]),
    )
    this.#observer.limitWaited(stage, this.#deps.clock.monotonic() - startedAt)
    return release
  }

  ready(): Promise<void> {
    this.#started ??= this.#start()
    return this.#started
  }

  close(): Promise<void> {
    this.#closed ??= this.#stop()
    return this.#closed
  }

  #child(stage: ChildStage, index: number, config: ChildConfig, locks: readonly Slots[]): Child {
    const { log, clock, workerScript, maxLineBytes } = this.#deps
    return new Child(stage, index, config, locks, {
      log,
      clock,
      env: this.#env,
      workerScript,
      maxLineBytes,
      placement: this.#placement,
      observer: this.#observer,
      onChange: () => this.#admission.retry(),
    })
  }

  #group(stage: StageName, children: readonly Child[]): ChildGroup {
    return new ChildGroup(children, this.#admission, this.#random, urgencyOf(stage))
  }

  #observed(stage: StageName, run: StageRun): StageRun {
    return {
      ...run,
      onStart: name => run.onStart?.(name),
      onProgress: progress => {
        this.#observer.progressed(stage, run.sector, progress)
        run.onProgress?.(progress)
      },
    }
  }

  async #start(): Promise<void> {
    const { log, topology = readTopology } = this.#deps
    await checkPlacement(this.#config.children, { env: this.#env, log, topology })
    try {
      await Promise.all(this.#children.map(child => child.start()))
    } catch (error) {
      await Promise.all(this.#children.map(child => child.close()))
      throw error
    }
  }

  async #stop(): Promise<void> {
    this.#closing.abort(closedError('-'))
    const own = [...this.#ownChildren.values()]
    const children = [...this.#children, ...own.map(({ child }) => child)]
    await Promise.all([...children.map(child => child.close()), this.#builtIn.close()])
    await Promise.allSettled([this.#started, ...own.map(({ started }) => started)])
  }

  async #runSomewhere<S extends StageName>(stage: S, task: StageTask<S>, run: StageRun): Promise<StageOutput<S>> {
    const group = this.#groups.get(stage)
    if (group !== undefined) {
      await this.ready()
      return await this.#runInChild(group, stage, task, run)
    }
    if (STAGE_PLACES[stage] === 'pool') return await this.#runInside(stage, task, run)
    return await this.#runInChild(await this.#ownGroup(stage), stage, task, run, BUILT_IN_NAMES[stage])
  }

  /** The process of a stage without entries, ready. */
  async #ownGroup(stage: StageName): Promise<ChildGroup> {
    let own = this.#ownChildren.get(stage)
    if (own === undefined) {
      const child = this.#child(stage, 0, DEFAULT_CHILD, [])
      own = { child, group: this.#group(stage, [child]), started: undefined }
      this.#ownChildren.set(stage, own)
    }
    own.started ??= own.child.start()
    try {
      await own.started
    } catch (cause) {
      own.started = undefined
      if (this.#closed !== undefined) throw closedError(stage)
      const processor = BUILT_IN_NAMES[stage]
      throw new ProcessorError('startup', 'temporary', `the process for ${stage} cannot be started`, {
        stage,
        processor,
        cause,
      })
    }
    return own.group
  }

  async #runInside<S extends StageName>(stage: S, task: StageTask<S>, run: StageRun): Promise<StageOutput<S>> {
    const processor = BUILT_IN_NAMES[stage]
    run.onStart?.(processor)
    try {
      const work = this.#timed(
        stage,
        this.#marked(stage, () =>
          this.#builtIn.run(stage, task, { signal: run.signal, onProgress: progress => run.onProgress?.(progress) }),
        ),
      )
      run.onWork?.(work)
      return await abandonable(work, run.signal)
    } catch (error) {
      run.signal?.throwIfAborted()
      if (error instanceof SealError) throw error
      if (this.#closed !== undefined) throw closedError(stage)
      throw new ProcessorError('failed', 'permanent', `${stage} failed`, { stage, processor, cause: error })
    }
  }

  /** `shown`: display name; default: that of the process. */
  async #runInChild<S extends StageName>(
    group: ChildGroup,
    stage: S,
    task: StageTask<S>,
    run: StageRun,
    shown?: string,
  ): Promise<StageOutput<S>> {
    const declaration = STAGES[stage] as { task: z.ZodType; output: z.ZodType }
    const encoded = z.encode(declaration.task, task)
    const waitedFrom = this.#deps.clock.monotonic()
    const signals = [run.signal, run.waitSignal].filter(signal => signal !== undefined)
    const child = await group.acquire(AbortSignal.any(signals))
    this.#observer.childWaited(stage, this.#deps.clock.monotonic() - waitedFrom)
    const work = async (): Promise<unknown> => {
      run.onStart?.(shown ?? child.name)
      return await child.request(encoded, progress => run.onProgress?.(progress))
    }
    const answer = this.#timed(stage, this.#marked(stage, work)).finally(child.release)
    run.onWork?.(answer)
    const output = z.safeDecode(declaration.output, await abandonable(answer, run.signal))
    if (output.success) return output.data as StageOutput<S>
    throw new ProcessorError(
      'garbled',
      'permanent',
      `the ${stage} processor ${child.name} answered with something else than its output: ${z.prettifyError(output.error)}`,
      { stage, processor: child.name },
    )
  }

  /** Window and winning proofs are marked for the stage workers of this machine for as long as they are really at work. */
  #marked<T>(stage: StageName, work: () => Promise<T>): Promise<T> {
    return urgencyOf(stage).isTimeCritical ? this.#marks.during(work) : work()
  }

  /** Tells the observer how long the work took, also of one that nobody waits for any more. */
  async #timed<T>(stage: StageName, work: Promise<T>): Promise<T> {
    const { clock } = this.#deps
    const startedAt = clock.monotonic()
    let result: 'done' | 'failed' = 'failed'
    try {
      const output = await work
      result = 'done'
      return output
    } finally {
      this.#observer.stageEnded(stage, clock.monotonic() - startedAt, result)
    }
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
