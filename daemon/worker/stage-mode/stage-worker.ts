import type { StageGrant, StageLeftover, StageWorkerReport } from '../../../rpc-schema/manager/stages.js'
import { RpcTransportError } from '../../../rpc-schema/rpc/error.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import type { StageKind } from '../../../rpc-schema/stages/kinds.js'
import { sectorName } from '../../../rpc-schema/wire/sector-id.js'
import type { StageTaskAtWork } from '../../../rpc-schema/worker/stage-worker.js'
import { removeForgotten } from './fetch/forgotten-files.js'
import { Removals } from './removals.js'
import { leftPlaces } from './sector-files.js'
import { type AttemptParts, StageAttempt } from './stage-attempt.js'
import { removeTaken, takeAway } from './taken-away.js'
import { WorkLeft } from './work-left.js'

/** What does not change while the worker runs. */
export type StageIdentity = Pick<
  StageWorkerReport,
  | 'ID'
  | 'Boot'
  | 'Name'
  | 'Version'
  | 'Machine'
  | 'SectorSizes'
  | 'MemoryBytes'
  | 'Cores'
  | 'GPUs'
  | 'FetchLimit'
  | 'TasksAtOnce'
  | 'Url'
  | 'Token'
>

export interface StageWorkerParts extends Omit<AttemptParts, 'stop' | 'name'> {
  readonly identity: StageIdentity
  readonly kinds: Iterable<StageKind>
  /** Pause between two reports, ms; a task that ends is followed by a question for the next at once. */
  readonly reportMs?: number
  /** Whether a window or winning proof is being made on this machine. */
  readonly posting?: () => Promise<boolean>
}

const REPORT_MS = 5_000
/** The manager takes a worker's word to remove files back when it has not heard of it for three times as long. */
const TAKE_AWAY_MS = 20_000
/** Between two looks for what was fetched and is forgotten. */
const FORGOTTEN_MS = 3_600_000

/** Reports itself to the manager, asks for tasks for as long as it gets some, and works at them side by side: how many there are is for the manager to say. */
export class StageWorker {
  readonly kinds: Set<StageKind>
  quiet = false
  readonly #parts: StageWorkerParts
  readonly #attempts = new Map<StageAttempt, Promise<void>>()
  readonly #interrupt = new AbortController()
  readonly #abandon = new AbortController()
  readonly #left = new WorkLeft()
  readonly #removals: Removals
  /** As the manager has been told last. */
  #posting = false
  #wake: (() => void) | undefined
  #woken = false
  #loop: Promise<void> | undefined
  /** When it was last looked for what is forgotten, and until when that takes. */
  #lookedAt: number | undefined
  #look: Promise<void> | undefined
  /** Of the last report. */
  managerAnswers = false

  constructor(parts: StageWorkerParts) {
    this.#parts = { ...parts, processors: this.#left.watching(parts.processors) }
    this.kinds = new Set(parts.kinds)
    this.#removals = new Removals({
      remove: leftover => this.#remove(leftover),
      isBusy: sector => this.#left.has(sectorName(sector)),
      log: parts.log,
    })
  }

  get identity(): StageIdentity {
    return this.#parts.identity
  }

  start(): void {
    this.#loop ??= this.#run()
  }

  /** Waits up to `graceMs` for what is at work to come to a point where it can be left; the tasks go back to the manager. */
  async stop(graceMs: number): Promise<void> {
    this.#interrupt.abort()
    this.wake()
    const abandoned = new Promise(resolve => this.#abandon.signal.addEventListener('abort', resolve, { once: true }))
    const late = setTimeout(() => this.#abandon.abort(), graceMs)
    const removed = Promise.all([this.#removals.stop(), this.#look])
    await Promise.all([...this.#attempts.values(), this.#loop, Promise.race([removed, abandoned])])
    clearTimeout(late)
    this.#abandon.abort()
  }

  /** Reports and asks at once. */
  wake(): void {
    this.#woken = true
    this.#wake?.()
  }

  get tasks(): StageTaskAtWork[] {
    const now = this.#parts.clock.monotonic()
    return [...this.#attempts.keys()].map(({ grant, sector, status, startedAt }) => {
      const { activity, jobState } = status
      const activityText = activity.kind === 'Running' ? (activity.proc ?? 'working') : activity.kind.toLowerCase()
      return {
        Task: grant.Claim.Task,
        Kind: grant.Kind,
        Sector: sector,
        State: jobState ?? '',
        Activity: activityText,
        Seconds: Math.max(0, Math.floor((now - startedAt) / 1_000)),
      }
    })
  }

  async #run(): Promise<void> {
    const { clock, log, reportMs = REPORT_MS } = this.#parts
    let lastError = ''
    while (!this.#interrupt.signal.aborted) {
      this.#woken = false
      try {
        await this.#report()
        this.managerAnswers = true
        lastError = ''
        this.#removeForgotten()
        if (!this.quiet) await this.#takeAll()
      } catch (error) {
        this.managerAnswers = !(error instanceof RpcTransportError)
        const text = errorText(error)
        if (text !== lastError) log.warn({ err: error }, `cannot report to the manager: ${text}; asking again`)
        lastError = text
      }
      await this.#pause(reportMs, clock)
    }
  }

  async #pause(ms: number, clock: StageWorkerParts['clock']): Promise<void> {
    if (this.#woken || this.#interrupt.signal.aborted) return
    const over = new AbortController()
    const woken = new Promise<void>(resolve => {
      this.#wake = resolve
    })
    await Promise.race([woken, clock.sleep(ms, over.signal).catch(() => {})])
    over.abort()
    this.#wake = undefined
  }

  async #report(): Promise<void> {
    const { manager, paths, identity } = this.#parts
    const attempts = [...this.#attempts.keys()]
    this.#removals.asking()
    this.#posting = await this.#isPosting()
    const orders = await manager.ReportStageWorker({
      ...identity,
      Kinds: [...this.kinds],
      Quiet: this.quiet,
      Paths: await paths.report(),
      Posting: this.#posting,
      Claims: attempts.map(({ grant }) => grant.Claim),
    })
    for (const attempt of attempts) if (orders.Lost.includes(attempt.grant.Claim.Task)) attempt.lost()
    this.#removals.want(orders.Remove)
  }

  async #isPosting(): Promise<boolean> {
    return (await this.#parts.posting?.()) ?? false
  }

  async #remove(leftover: StageLeftover): Promise<void> {
    const { manager, paths, log, clock, identity } = this.#parts
    const { root, canStore } = await paths.find(leftover.Path)
    const places = await leftPlaces(root, leftover.Sector, canStore)
    const until = clock.monotonic() + TAKE_AWAY_MS
    // Another worker of the path may have been given the sector there since this one was told to remove it.
    if (!(await manager.BeginStageRemoval(identity.ID, identity.Boot, leftover))) return
    await takeAway(root, leftover.Sector, places, () => {
      if (clock.monotonic() > until) throw new Error('the manager was asked too long ago')
    })
    await removeTaken(root, leftover.Sector)
    await manager.StageFilesRemoved(leftover)
    log.info({ sector: sectorName(leftover.Sector), path: root }, 'files that are not needed any more are removed')
  }

  /** Beside everything else, as a disk may be slow. */
  #removeForgotten(): void {
    const { home, paths, manager, clock, log } = this.#parts
    const now = clock.monotonic()
    if (this.#look !== undefined || now - (this.#lookedAt ?? Number.NEGATIVE_INFINITY) < FORGOTTEN_MS) return
    this.#lookedAt = now
    this.#look = removeForgotten(home, paths, manager)
      .then(
        directories => {
          if (directories.length > 0)
            log.info({ directories }, 'what was fetched for tasks that are done since is removed')
        },
        (error: unknown) =>
          log.warn(
            { err: error },
            `what was fetched and is forgotten is not removed: ${errorText(error)}; tried again`,
          ),
      )
      .finally(() => {
        this.#look = undefined
      })
  }

  /** Resolves when neither a removal nor what a void claim has left works on the sector's files; undefined when nothing does. */
  #filesFree({ Sector }: StageGrant): Promise<unknown> | undefined {
    const removed = this.#removals.spare(Sector.ID)
    const left = this.#left.over(sectorName(Sector.ID))
    return removed || left ? Promise.all([removed, left]) : undefined
  }

  async #takeAll(): Promise<void> {
    const { manager, identity } = this.#parts
    while (!this.#interrupt.signal.aborted && !this.quiet) {
      // A proof that is due does not wait for the next report: nothing more is begun on its GPU.
      if ((await this.#isPosting()) !== this.#posting) await this.#report()
      const grant = await manager.ClaimStageTask(identity.ID, identity.Boot)
      if (grant === null) return
      const stop = { interrupt: this.#interrupt.signal, abandon: this.#abandon.signal }
      const attempt = new StageAttempt(grant, { ...this.#parts, name: identity.Name, stop })
      const running = attempt.run(this.#filesFree(grant)).finally(() => {
        this.#attempts.delete(attempt)
        this.wake()
      })
      this.#attempts.set(attempt, running)
    }
  }
}
