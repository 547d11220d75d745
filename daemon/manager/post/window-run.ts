import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import type { PosterParts } from './poster-parts.js'
import { next, PROVE, type ProveEvent, type ProveState, proveEvents, type Window, windowTimes } from './schedule.js'
import { newMemory, type WindowMemory, WindowPass } from './window-pass.js'
import type { WindowNotes } from './window-record.js'

/** The proofs of one window of one miner, from its challenge to its close. What heads mean for it is in the table PROVE. */
export class WindowRun {
  readonly miner: number
  readonly window: Window
  readonly notes: WindowNotes
  readonly #parts: PosterParts
  #state: ProveState = 'waiting'
  #memory: WindowMemory = newMemory()
  #pass: { readonly stop: AbortController; readonly done: Promise<void> } | undefined
  #begunAt: number | undefined
  #isAskedAgain = false

  constructor(parts: PosterParts, miner: number, window: Window, notes: WindowNotes) {
    this.#parts = parts
    this.miner = miner
    this.window = window
    this.notes = notes
  }

  get state(): ProveState {
    return this.#state
  }

  /** For the forecast: since when it is being proven, and the prover at its oldest batch (monotonic ms), what is left, and what the batches took. */
  get progress(): {
    begunAt: number | undefined
    runningSince: number | undefined
    left: number
    took: readonly number[]
  } {
    const { left, took, running } = this.#memory
    const runningSince = running.size === 0 ? undefined : Math.min(...running.values())
    return { begunAt: this.#begunAt, runningSince, left, took }
  }

  onHead(head: TipSet, undoneFrom: number | undefined): void {
    const times = windowTimes(this.window, this.#parts.settings(this.miner))
    for (const event of proveEvents(this.window, times, head.Height, undoneFrom)) this.#take(event, head)
  }

  /** Partitions that had a proof may have none now. A pass that goes on has looked before: another one follows it. */
  lookAgain(head: TipSet): void {
    if (this.#state === 'working') this.#isAskedAgain = true
    else this.#take('unfinished', head)
  }

  /** Ends whatever runs. */
  async stop(): Promise<void> {
    this.#pass?.stop.abort(new Error('stopping'))
    await this.#pass?.done
    await this.notes.saved()
  }

  /** What runs at the moment has come to its end. */
  async idle(): Promise<void> {
    await this.#pass?.done
  }

  #take(event: ProveEvent, head: TipSet): void {
    const step = next(PROVE, this.#state, event)
    if (step === undefined) return
    this.#state = step.to
    if (step.act === 'begin') this.#begin(head)
    if (step.act === 'drop') {
      this.#parts.log.warn(this.#subject(), 'a reorg has undone the challenge of a deadline: it is proven anew')
      this.notes.step('undone', head.Height)
      this.#memory = newMemory()
    }
    if (step.act === 'drop' || step.act === 'end')
      this.#pass?.stop.abort(new Error(step.act === 'end' ? 'the deadline is over' : 'the challenge was undone'))
  }

  #begin(head: TipSet): void {
    const stop = new AbortController()
    const before = this.#pass?.done ?? Promise.resolve()
    if (this.#begunAt === undefined) {
      this.#begunAt = this.#parts.clock.monotonic()
      this.notes.step('begun', head.Height)
      this.#parts.log.info(this.#subject(), 'init deadline runner')
    }
    const pass = new WindowPass(this.#parts, this.miner, this.window, this.notes, this.#memory)
    const work = async (): Promise<void> => {
      await before
      this.#isAskedAgain = false
      let isDone = false
      try {
        isDone = await pass.run(head, stop.signal)
      } catch (error) {
        if (stop.signal.aborted) return
        this.#parts.log.error({ ...this.#subject(), err: error }, `window post: ${errorText(error)}`)
        this.notes.step('trouble', head.Height, errorText(error))
      }
      if (!stop.signal.aborted) this.#take(isDone && !this.#isAskedAgain ? 'finished' : 'unfinished', head)
    }
    this.#pass = { stop, done: work() }
  }

  #subject() {
    const { Index, Open, Close } = this.window
    return { miner: this.miner, deadline: Index, open: Open, close: Close }
  }
}
