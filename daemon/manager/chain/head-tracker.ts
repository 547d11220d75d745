import { HEAD_CHANGE, type HeadChange, type TipSet } from '../../../rpc-schema/chain/tipset.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import { tipSetKeysEqual } from '../../../rpc-schema/wire/tipset-key.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import { withDeadline } from '../concurrency/deadline.js'
import type { ChainNode } from './chain-node.js'
import { CHAIN_FINALITY, forkHeight, type HeadPath, headPath } from './head-path.js'
import { Trouble } from './trouble.js'

export { CHAIN_FINALITY }

/** The head of the chain has moved. */
export interface HeadMove {
  readonly head: TipSet
  /** From this height on, what was on the chain is no longer; undefined when the chain has only grown. */
  readonly undoneFrom: number | undefined
  /** The head before; undefined at the first. */
  readonly before: TipSet | undefined
}

export interface HeadTrackerOptions {
  node: ChainNode
  clock: Clock
  log: Logger
  /** The longest pause between two looks at a chain that cannot be subscribed to, ms. */
  maxPollMs: number
}

const MIN_POLL_MS = 100
const FIRST_POLL_MS = 500
/** However slow the chain is, a head is not noticed later than this. */
const POLL_CEILING_MS = 10_000
const RECONNECT_MS = 1_000
const MOST_ASKS = 5
const STOP_LIMIT_MS = 2_000
/** Heads by which the speed of the chain is measured. */
const SPEED_SAMPLES = 16

/**
 * Follows the head of the chain: by subscription where the node has streams, else by asking. Every gap (a lost connection, a slow poll) is closed by
 * asking the node whether the head known last is still on its chain.
 */
export class HeadTracker {
  readonly #options: HeadTrackerOptions
  readonly #listeners = new Set<(move: HeadMove) => void>()
  readonly #stopping = new AbortController()
  readonly #speed: { at: number; height: number }[] = []
  #last: TipSet | undefined
  /** How many times the subscription has taken something from the chain. */
  #reverts = 0
  #asking: Promise<TipSet> | undefined
  #accepting: Promise<unknown> = Promise.resolve()
  #running: Promise<void> | undefined
  readonly #trouble: Trouble
  #pollMs = FIRST_POLL_MS

  constructor(options: HeadTrackerOptions) {
    this.#options = options
    this.#trouble = new Trouble(options.clock, options.log, 'the chain is followed again')
  }

  /** The newest head seen. */
  get last(): TipSet | undefined {
    return this.#last
  }

  subscribe(listener: (move: HeadMove) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The head as the node has it now; an older one than known already, on the same chain, is not taken. */
  async fresh(): Promise<TipSet> {
    for (let attempt = 1; ; attempt++) {
      const reverts = this.#reverts
      // Whoever asks while another's question is under way takes that answer, too.
      this.#asking ??= this.#options.node.api.ChainHead().finally(() => {
        this.#asking = undefined
      })
      const head = await this.#asking
      // An answer from before a revert would bring back what the subscription has just taken from the chain.
      const isStale = (): boolean => reverts !== this.#reverts && attempt < MOST_ASKS
      if (isStale()) continue
      const accepted = await this.#accept(head, isStale)
      if (accepted !== undefined) return accepted
    }
  }

  /** The tipsets that a move has taken from the chain and put on it, found by walking parents: also those of which nothing was heard. */
  path({ before, head }: HeadMove): Promise<HeadPath> {
    return headPath(this.#options.node.api, before, head)
  }

  /** Milliseconds an epoch takes by what was seen, or undefined as long as too little was. */
  epochMs(): number | undefined {
    const [first, last] = [this.#speed[0], this.#speed.at(-1)]
    if (!first || !last || last.height - first.height < 3) return undefined
    return (last.at - first.at) / (last.height - first.height)
  }

  start(): void {
    this.#running ??= this.#run()
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('stopping'))
    this.#listeners.clear()
    await withDeadline('head tracker', STOP_LIMIT_MS, this.#running ?? Promise.resolve()).catch(() => {})
  }

  /** By streams or by asking, whichever the endpoint that is believed at the moment has. */
  async #run(): Promise<void> {
    const { node } = this.#options
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const streams = node.hasStreams
      try {
        await (streams ? this.#follow() : this.#look())
        if (streams && !signal.aborted) this.#trouble.met('the subscription to heads has ended, subscribing again')
      } catch (error) {
        if (!signal.aborted)
          this.#trouble.met(`cannot follow the chain, trying again: ${errorText(error)}`, { err: error })
      }
      await this.#pause(streams ? RECONNECT_MS : this.#pollMs)
    }
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stopping
    const changes = await this.#options.node.api.ChainNotify()
    const end = (): void => void changes.return?.()
    signal.addEventListener('abort', end, { once: true })
    if (signal.aborted) end()
    try {
      for await (const batch of changes) {
        await this.#apply(batch)
        this.#trouble.over()
      }
    } finally {
      signal.removeEventListener('abort', end)
    }
  }

  async #look(): Promise<void> {
    const ceiling = Math.min(Math.max(this.#options.maxPollMs, MIN_POLL_MS), POLL_CEILING_MS)
    const before = this.#last?.Height
    const { Height } = await this.fresh()
    this.#trouble.over()
    const advanced = before === undefined ? 1 : Height - before
    if (advanced > 1) this.#pollMs = Math.max(MIN_POLL_MS, this.#pollMs / 2)
    else if (advanced <= 0) this.#pollMs = Math.min(ceiling, this.#pollMs * 1.5)
  }

  async #apply(batch: readonly HeadChange[]): Promise<void> {
    const current = batch.find(change => change.Type === HEAD_CHANGE.current)
    if (current) return void (await this.#accept(current.Val))
    const reverted = batch.filter(change => change.Type === HEAD_CHANGE.revert).map(change => change.Val)
    const applied = batch.findLast(change => change.Type === HEAD_CHANGE.apply)?.Val
    const lowest = reverted.reduce<TipSet | undefined>(
      (low, at) => (low && low.Height < at.Height ? low : at),
      undefined,
    )
    if (lowest === undefined) return void (applied && (await this.#accept(applied)))
    // Reverts alone leave the chain at what was below the lowest of them.
    await this.#inTurn(async () => {
      this.#reverts += 1
      const head = applied ?? (await this.#options.node.api.ChainGetTipSet(lowest.Blocks[0]!.Parents))
      this.#move(head, lowest.Height)
    })
  }

  #pause(ms: number): Promise<void> {
    return this.#options.clock.sleep(ms, this.#stopping.signal).catch(() => {})
  }

  /** Heads are judged one after another, since judging may ask the node. */
  #inTurn<T>(work: () => T | Promise<T>): Promise<T> {
    const turn = this.#accepting.then(work)
    this.#accepting = turn.catch(() => {})
    return turn
  }

  #accept(head: TipSet): Promise<TipSet>
  /** Undefined when the head has become stale while it waited for its turn. */
  #accept(head: TipSet, isStale: () => boolean): Promise<TipSet | undefined>
  #accept(head: TipSet, isStale?: () => boolean): Promise<TipSet | undefined> {
    return this.#inTurn(async () => {
      if (isStale?.()) return undefined
      const last = this.#last
      if (last === undefined) return this.#move(head, undefined)
      if (tipSetKeysEqual(last.Cids, head.Cids)) return last
      if (tipSetKeysEqual(head.Blocks[0]?.Parents ?? [], last.Cids)) return this.#move(head, undefined)
      const fork = await forkHeight(this.#options.node.api, last, head)
      if (fork >= head.Height) return last
      return this.#move(head, fork >= last.Height ? undefined : fork + 1)
    })
  }

  #move(head: TipSet, undoneFrom: number | undefined): TipSet {
    const before = this.#last
    this.#last = head
    if (undoneFrom !== undefined) {
      this.#options.log.warn({ height: head.Height, undoneFrom }, 'the chain was reorganised')
      this.#speed.length = 0
    }
    this.#speed.push({ at: this.#options.clock.monotonic(), height: head.Height })
    if (this.#speed.length > SPEED_SAMPLES) this.#speed.shift()
    for (const listener of this.#listeners) {
      try {
        listener({ head, undoneFrom, before })
      } catch (error) {
        this.#options.log.error({ err: error, height: head.Height }, 'a follower of the chain has failed')
      }
    }
    return head
  }
}
