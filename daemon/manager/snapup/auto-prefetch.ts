import { errorText } from '../../../rpc-schema/seal-error.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import type { ChainNode } from '../chain/chain-node.js'
import type { HeadTracker } from '../chain/head-tracker.js'
import { BackgroundLoop } from '../concurrency/background-loop.js'
import type { MinerSetup } from '../config/load-settings.js'
import type { Candidates } from './candidates.js'

export interface AutoPrefetchOptions {
  miners: ReadonlyMap<number, MinerSetup>
  node: ChainNode
  heads: HeadTracker
  candidates: Pick<Candidates, 'fetch'>
  clock: Clock
  log: Logger
}

const LOOK_MS = 60_000

/** For miners with `SnapUp.AutoPrefetch`: when a deadline has closed, its sectors are looked through for candidates. */
export class AutoPrefetch {
  readonly #options: AutoPrefetchOptions
  readonly #loop: BackgroundLoop
  /** By miner, the epoch at which its next deadline closes. */
  readonly #nextLook = new Map<number, number>()
  #unsubscribe = (): void => {}

  constructor(options: AutoPrefetchOptions) {
    this.#options = options
    const { clock, log } = options
    const step = (): Promise<void> => this.#step()
    this.#loop = new BackgroundLoop({ name: 'candidates for upgrades', log, clock, intervalMs: () => LOOK_MS, step })
  }

  start(): void {
    this.#unsubscribe = this.#options.heads.subscribe(() => this.#loop.wake())
    this.#loop.start()
  }

  async stop(): Promise<void> {
    this.#unsubscribe()
    await this.#loop.stop()
  }

  async #step(): Promise<void> {
    const { miners, heads, log } = this.#options
    const wanted = [...miners.values()].filter(({ SnapUp }) => SnapUp.Enabled && SnapUp.AutoPrefetch)
    if (wanted.length === 0) return
    const head = await heads.fresh()
    for (const { Actor } of wanted) {
      if (head.Height < (this.#nextLook.get(Actor) ?? 0)) continue
      try {
        await this.#ofMiner(Actor)
      } catch (error) {
        log.warn({ err: error, miner: Actor }, `candidates for upgrades not fetched: ${errorText(error)}`)
      }
    }
  }

  async #ofMiner(miner: number): Promise<void> {
    const { node, candidates, log } = this.#options
    const present = await node.api.StateMinerProvingDeadline(Address.fromId(miner), [])
    const deadlines = present.WPoStPeriodDeadlines
    const closed = (present.Index + deadlines - 1) % deadlines
    const { Total, Diff } = await candidates.fetch(miner, closed)
    this.#nextLook.set(miner, present.Close)
    if (Diff > 0) log.info({ miner, deadline: closed, good: Total, added: Diff }, 'candidates for upgrades fetched')
  }
}
