import { exitCodeText } from '../../../rpc-schema/actors/exit-codes.js'
import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import type { WindowRecord } from '../../../rpc-schema/manager/post-timeline.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import type { DeadlineInfo } from '../../../rpc-schema/wire/deadline.js'
import type { MessageKind } from '../commitment/chain-message.js'
import { BackgroundLoop } from '../concurrency/background-loop.js'
import { withDeadline } from '../concurrency/deadline.js'
import { isAtRisk } from './forecast.js'
import { type Foresight, subjectOf } from './foresight/foresight.js'
import { epochMs, type PosterParts } from './poster-parts.js'
import { RecoveryDeclarations } from './recoveries.js'
import { liveWindows, windowTimes } from './schedule.js'
import { SEEN_LATE, Submitter } from './submitter.js'
import { lateSteps, outcomeOf } from './window-record.js'
import { WindowRun } from './window-run.js'
import { tellVerdict } from './window-verdict.js'
import { WindowsAfterwards } from './windows-afterwards.js'

/** What others want to know of the poster. */
export interface PosterObserver {
  /** A window has closed. */
  judged?(record: WindowRecord): void
  /** Windows of a miner that would be missed at the present pace. */
  atRisk?(miner: number, windows: number): void
  /** A batch of partitions was proven. */
  proven?(miner: number, tookMs: number): void
}

export interface PosterOptions extends Omit<PosterParts, 'wake'> {
  /** Miners that are to be proven; asked at each head. */
  miners(): Iterable<number>
  observer?: PosterObserver
  /** Looks at the windows that come. */
  foresight?: Pick<Foresight, 'onHead' | 'learn' | 'idle' | 'stop'> | undefined
}

/** Looked at so often, also when no head comes. */
const LOOK_MS = 10_000
const DEADLINE_LIMIT_MS = 10_000

/** Proves the windows of all miners. Each head drives the windows that are alive; what they do runs beside. */
export class Poster {
  readonly #options: PosterOptions
  readonly #parts: PosterParts
  readonly #loop: BackgroundLoop
  readonly #submitter: Submitter
  readonly #recoveries: RecoveryDeclarations
  readonly #afterwards: WindowsAfterwards
  readonly #runs = new Map<number, Map<number, WindowRun>>()
  /** What a batch took in the last window of a miner, ms. */
  readonly #usual = new Map<number, number>()
  /** Windows of which it was told that they are at risk. */
  readonly #told = new WeakSet<WindowRun>()
  readonly #unsubscribe: () => void
  #undoneFrom: number | undefined
  #isLooking: Promise<void> | undefined

  constructor(options: PosterOptions) {
    this.#options = options
    const { heads, log, clock } = options
    this.#loop = new BackgroundLoop({
      name: 'poster',
      log,
      clock,
      intervalMs: () => LOOK_MS,
      step: () => this.look(),
    })
    this.#parts = { ...options, wake: () => this.#loop.wake() }
    this.#submitter = new Submitter(this.#parts)
    this.#recoveries = new RecoveryDeclarations(this.#parts)
    this.#afterwards = new WindowsAfterwards({ ...this.#parts, told: record => this.#tell(record) })
    this.#register('post', 'window post')
    this.#register('recover', 'declaration of recoveries')
    this.#unsubscribe = heads.subscribe(({ undoneFrom }) => {
      if (undoneFrom !== undefined) this.#undoneFrom = Math.min(undoneFrom, this.#undoneFrom ?? undoneFrom)
      this.#loop.wake()
    })
  }

  async start(): Promise<void> {
    await this.#options.claims.forget()
    this.#loop.start()
  }

  async stop(): Promise<void> {
    this.#unsubscribe()
    await this.#loop.stop()
    await Promise.all([...this.#all()].map(run => run.stop()))
    await this.#options.foresight?.stop()
    await this.#afterwards.stop()
  }

  /** Waits for what runs at the moment. */
  async idle(): Promise<void> {
    await Promise.all([
      ...[...this.#all()].map(run => run.idle()),
      this.#recoveries.idle(),
      this.#afterwards.idle(),
      this.#options.foresight?.idle(),
    ])
  }

  timeline(miner: number | null, limit: number): Promise<WindowRecord[]> {
    return this.#options.records.list(miner, limit)
  }

  /** One look at everything, as at a new head. */
  async look(): Promise<void> {
    this.#isLooking ??= this.#look().finally(() => {
      this.#isLooking = undefined
    })
    await this.#isLooking
  }

  async #look(): Promise<void> {
    const { heads, log } = this.#options
    const head = heads.last ?? (await heads.fresh())
    const undoneFrom = this.#undoneFrom
    this.#undoneFrom = undefined
    const enabled = new Set(this.#options.miners())
    await Promise.all(
      [...new Set([...enabled, ...this.#runs.keys()])].map(miner =>
        this.#miner(miner, enabled.has(miner), head, undoneFrom).catch((error: unknown) =>
          log.error({ miner, err: error }, `poster: ${errorText(error)}`),
        ),
      ),
    )
  }

  async #miner(miner: number, isEnabled: boolean, head: TipSet, undoneFrom: number | undefined): Promise<void> {
    const runs = this.#runs.get(miner) ?? new Map<number, WindowRun>()
    this.#runs.set(miner, runs)
    // A node that does not tell the deadline must not stop the windows that are known.
    const present = isEnabled ? await this.#deadline(miner, head) : undefined
    for (const window of present === undefined ? [] : liveWindows(present, head.Height)) {
      if (runs.has(window.Open)) continue
      const notes = await this.#options.records.open(miner, window)
      runs.set(window.Open, new WindowRun(this.#parts, miner, window, notes))
      notes.step('head', head.Height)
    }
    if (present !== undefined) this.#recoveries.onHead(miner, present, head)
    for (const run of runs.values()) run.onHead(head, undoneFrom)
    for (const run of runs.values()) await this.#submitter.step(run, head)
    // It only tells: what it needs of the node may be missing.
    await this.#watch(miner, [...runs.values()], head).catch(() => {})
    for (const [open, run] of runs) {
      if (run.state !== 'over') continue
      await run.stop()
      runs.delete(open)
      this.#remember(miner, run.progress.took)
    }
    if (present !== undefined) {
      const isBusy = [...runs.values()].some(({ state }) => state === 'working')
      this.#options.foresight?.onHead(miner, present, head, isBusy)
    }
    await this.#judge(miner, head)
    if (present !== undefined) this.#afterwards.onHead(miner, present, head)
  }

  async #deadline(miner: number, head: TipSet): Promise<DeadlineInfo | undefined> {
    const { node, log } = this.#options
    try {
      const asked = node.api.StateMinerProvingDeadline(Address.fromId(miner), head.Cids)
      return await withDeadline(`proving deadline of ${miner}`, DEADLINE_LIMIT_MS, asked)
    } catch (error) {
      log.warn({ miner, err: error }, `fetch proving deadline for ${miner}: ${errorText(error)}`)
      return undefined
    }
  }

  #remember(miner: number, took: readonly number[]): void {
    if (took.length === 0) return
    this.#usual.set(miner, took.reduce((sum, ms) => sum + ms, 0) / took.length)
    for (const ms of took) this.#options.observer?.proven?.(miner, ms)
  }

  /** Tells of windows that would be missed at the present pace. */
  async #watch(miner: number, runs: readonly WindowRun[], head: TipSet): Promise<void> {
    const { clock, settings, sending, log, observer } = this.#options
    const ms = await epochMs(this.#options)
    const usualMs = this.#usual.get(miner)
    const { Parallel: parallel } = settings(miner)
    const late = runs.filter(run => {
      const { begunAt, runningSince, left, took } = run.progress
      if (begunAt === undefined || (run.state !== 'working' && run.state !== 'resting')) return false
      const leftMs = (run.window.Close - 1 - head.Height) * ms
      const now = clock.monotonic()
      const runningMs = now - (runningSince ?? now)
      return isAtRisk({ elapsedMs: now - begunAt, runningMs, left, took, parallel, usualMs, leftMs })
    })
    observer?.atRisk?.(miner, late.length)
    for (const run of runs) if (!late.includes(run)) sending.alarms.clear('pace', subjectOf(miner, run.window.Index))
    for (const run of late) {
      const text = `${run.progress.left} batches are not proven yet`
      sending.alarms.raise('pace', subjectOf(miner, run.window.Index), text)
      if (this.#told.has(run)) continue
      this.#told.add(run)
      const { left, took } = run.progress
      const { Index, Close } = run.window
      log.error(
        { miner, deadline: Index, close: Close, height: head.Height, left, took: took.map(Math.round) },
        `deadline ${Index} will be missed at the present pace: ${left} batches are not proven yet`,
      )
      run.notes.step('trouble', head.Height, `would be missed at the present pace, ${left} batches left`)
    }
  }

  /** Says what became of the windows that have closed. */
  async #judge(miner: number, head: TipSet): Promise<void> {
    const { records, claims, submissions, sending, settings, clock } = this.#options
    for (const record of await records.unjudged(miner, head.Height - SEEN_LATE)) {
      const window = { ...record, Index: record.Deadline }
      const run = new WindowRun(this.#parts, miner, window, await records.open(miner, window))
      // Only a node that answers can tell what has landed.
      if (!(await this.#submitter.step(run, head))) continue
      await run.notes.saved()
      const rows = await submissions.ofWindow(miner, record.Open)
      const landed = rows.filter(({ state }) => state === 'landed').flatMap(({ partitions }) => partitions)
      const after = run.notes.record
      const Partitions = after.Partitions || (await this.#unseen(miner, after, head))
      const Outcome = outcomeOf(Partitions, new Set(landed).size)
      const Late = lateSteps(after.Steps, windowTimes(window, settings(miner)), window, Outcome)
      const judged: WindowRecord = { ...after, Partitions, Outcome, Late }
      if (!(await records.judge(judged))) continue
      await this.#tell(judged)
      await sending.messages.forget(await submissions.prune(clock.now()))
      await claims.prune()
      await records.prune(miner, head.Height, await epochMs(this.#options))
    }
  }

  #tell(judged: WindowRecord): Promise<void> {
    const { sending, foresight, observer, log } = this.#options
    const told = observer?.judged && ((record: WindowRecord) => observer.judged!(record))
    return tellVerdict({ alarms: sending.alarms, foresight, judged: told, log }, judged)
  }

  /** Partitions with sectors of a window of which nothing could be found out while it was open. */
  async #unseen(miner: number, { Deadline, Steps }: WindowRecord, head: TipSet): Promise<number> {
    if (Steps.some(({ Step }) => Step === 'challenge')) return 0
    const partitions = await this.#options.node.api.StateMinerPartitions(Address.fromId(miner), Deadline, head.Cids)
    return partitions.filter(({ LiveSectors }) => !LiveSectors.isEmpty).length
  }

  #register(kind: MessageKind, what: string): void {
    const { sending, settings, log } = this.#options
    sending.desk.register(kind, {
      confidence: miner => settings(miner).Confidence,
      landed: async ({ miner, cid, receipt }) => {
        if (receipt && receipt.ExitCode !== 0)
          log.error({ miner, cid }, `${what} failed on the chain: ${exitCodeText(receipt.ExitCode)}`)
        this.#loop.wake()
      },
      dropped: async () => this.#loop.wake(),
      available: () => this.#loop.wake(),
    })
  }

  *#all(): Generator<WindowRun> {
    for (const runs of this.#runs.values()) yield* runs.values()
  }
}
