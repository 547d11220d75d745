import type { Partition } from '../../../rpc-schema/chain/partitions.js'
import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import type { WindowRecord } from '../../../rpc-schema/manager/post-timeline.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import type { DeadlineInfo } from '../../../rpc-schema/wire/deadline.js'
import type { PosterParts } from './poster-parts.js'
import { closedWindows, windowTimes } from './schedule.js'
import { lateSteps, outcomeOf } from './window-record.js'
import { sectorsToProve } from './window-tasks.js'

export interface WindowsAfterwardsParts extends Pick<PosterParts, 'node' | 'records' | 'clock' | 'log' | 'settings'> {
  /** What became of a window that nobody was there for. */
  told(record: WindowRecord): Promise<void>
}

/** Reorgs are rarely deeper: what became of a window is asked of the chain so many epochs after its close. */
const SETTLED_EPOCHS = 5
/** A node that cannot tell what was at an epoch is asked again after so many, so often; then it does not know any more. */
const AGAIN_EPOCHS = 15
const MOST_ATTEMPTS = 3

interface Looked {
  /** Windows that closed at or before this epoch have been looked at. */
  until: number
  /** Those of which the node could not tell, by the epoch at which they opened, and how often. */
  readonly failed: Map<number, number>
  nextLook: number
}

/**
 * Windows that opened and closed while no manager was there, or while the node was away: no record tells of them, and only the chain knows what became
 * of them.
 */
export class WindowsAfterwards {
  readonly #parts: WindowsAfterwardsParts
  readonly #looked = new Map<number, Looked>()
  readonly #working = new Map<number, Promise<void>>()
  #isStopping = false
  /** One miner after the other: at a start, all of them have windows to look for, and the node has windows to be proven. */
  #turn: Promise<void> = Promise.resolve()

  constructor(parts: WindowsAfterwardsParts) {
    this.#parts = parts
  }

  /** Looks for them in the background, when some may have come. */
  onHead(miner: number, present: DeadlineInfo, head: TipSet): void {
    if (this.#working.has(miner)) return
    const looked = this.#looked.get(miner) ?? { until: Number.NEGATIVE_INFINITY, failed: new Map(), nextLook: 0 }
    this.#looked.set(miner, looked)
    const settled = head.Height - SETTLED_EPOCHS
    const isDue = (open: number, close: number): boolean =>
      close > looked.until || (looked.failed.has(open) && head.Height >= looked.nextLook)
    const windows = closedWindows(present, settled).filter(({ Open, Close }) => isDue(Open, Close))
    if (windows.length === 0) return
    const work = this.#turn
      .then(() => this.#look(miner, windows, looked, head))
      .then(() => {
        looked.until = settled
      })
      .catch((error: unknown) =>
        this.#parts.log.warn({ miner, err: error }, `windows of before are not looked at yet: ${errorText(error)}`),
      )
      .finally(() => this.#working.delete(miner))
    this.#working.set(miner, work)
    this.#turn = work
  }

  async idle(): Promise<void> {
    await Promise.all(this.#working.values())
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    await this.idle()
  }

  async #look(miner: number, windows: readonly DeadlineInfo[], looked: Looked, head: TipSet): Promise<void> {
    const { records, log } = this.#parts
    const { failed } = looked
    const opens = windows.map(({ Open }) => Open)
    const known = await records.known(miner, opens)
    for (const window of windows) {
      if (known.has(window.Open)) continue
      if (this.#isStopping) throw new Error('the manager stops')
      try {
        const record = await this.#record(miner, window, head)
        if (record === undefined) {
          failed.set(window.Open, failed.get(window.Open) ?? 0)
          looked.nextLook = head.Height + 1
          continue
        }
        failed.delete(window.Open)
        if (await records.add(record)) await this.#parts.told(record)
      } catch (error) {
        const attempts = (failed.get(window.Open) ?? 0) + 1
        if (attempts < MOST_ATTEMPTS) failed.set(window.Open, attempts)
        else failed.delete(window.Open)
        looked.nextLook = head.Height + AGAIN_EPOCHS
        const subject = { miner, deadline: window.Index, open: window.Open, attempts, err: error }
        log.warn(subject, `the chain does not tell what became of a window: ${errorText(error)}`)
      }
    }
  }

  /** Undefined: it is not in the state of the chain yet. */
  async #record(miner: number, window: DeadlineInfo, head: TipSet): Promise<WindowRecord | undefined> {
    const { node, clock, settings } = this.#parts
    const { Index, Open, Close, Challenge } = window
    const settled = await this.#settled(window, head)
    if (settled === undefined) return undefined
    const opening = await node.api.ChainGetTipSetByHeight(Open, head.Cids)
    if (opening.Height > Open) throw new Error(`the node has nothing of epoch ${Open}`)
    const [before, after] = (await Promise.all(
      [opening, settled].map(({ Cids }) => node.api.StateMinerPartitions(Address.fromId(miner), Index, Cids)),
    )) as [Partition[], Partition[]]
    const found = before
      .map((partition, index) => shown(partition, after[index], index))
      .filter(({ asked }) => asked > 0)
    const Outcome = outcomeOf(found.length, found.filter(({ asked, unproven }) => unproven < asked).length)
    const missed = found.filter(({ asked, unproven }) => unproven === asked).map(({ index }) => index)
    const Skipped = found.reduce((sum, { unproven }) => sum + unproven, 0)
    const Detail = [
      ...(missed.length > 0 ? [`partitions ${missed.join(' ')} were not proven`] : []),
      ...(Skipped > 0 ? [`${Skipped} sectors are faulty since`] : []),
    ].join('; ')
    const Steps = [{ Step: 'afterwards' as const, At: clock.now(), Epoch: head.Height, Detail }]
    const Late = lateSteps(Steps, windowTimes(window, settings(miner)), window, Outcome)
    const about = { Miner: miner, Deadline: Index, Challenge, Open, Close }
    return { ...about, Partitions: found.length, Skipped, Outcome, Steps, Late }
  }

  /** A tipset whose state has the faults of the window. The end of a window in null rounds is carried out with the first block after them, and seen from the next one. */
  async #settled({ Close }: DeadlineInfo, head: TipSet): Promise<TipSet | undefined> {
    const { api } = this.#parts.node
    const first = await api.ChainGetTipSetAfterHeight(Close, head.Cids)
    if (first.Height >= head.Height) return undefined
    const wanted = Math.max(first.Height + 1, Close + SETTLED_EPOCHS)
    return api.ChainGetTipSetAfterHeight(Math.min(wanted, head.Height), head.Cids)
  }
}

/** How many sectors a partition was asked for, and how many of them it has not shown: without a proof all of them. */
function shown(
  before: Partition,
  after: Partition | undefined,
  index: number,
): { readonly index: number; readonly asked: number; readonly unproven: number } {
  const asked = sectorsToProve(before).intersect(after?.LiveSectors ?? Bitfield.EMPTY)
  return { index, asked: asked.count, unproven: asked.intersect(after?.FaultySectors ?? Bitfield.EMPTY).count }
}
