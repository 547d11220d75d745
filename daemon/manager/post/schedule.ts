import { type DeadlineInfo, newDeadlineInfo, nextPeriodStart } from '../../../rpc-schema/wire/deadline.js'

/**
 * How far the proofs of one window are.
 *
 * | state   | meaning                                                        |
 * |---------|----------------------------------------------------------------|
 * | waiting | its challenge is not known, or not deep enough yet              |
 * | working | proofs are being made                                           |
 * | resting | something is left that could not be done; it is tried again     |
 * | done    | every partition has its proof, or needs none                    |
 * | over    | the window has closed                                           |
 */
export type ProveState = 'waiting' | 'working' | 'resting' | 'done' | 'over'
/** `due`: the head is deep enough above the challenge. `undone`: a reorg has taken the challenge back. */
export type ProveEvent = 'due' | 'finished' | 'unfinished' | 'undone' | 'closed'
/** `begin`: make what is missing. `drop`: what has been made is for another challenge. `end`: stop whatever runs. */
export type ProveAction = 'begin' | 'drop' | 'end'

interface Step<S, A> {
  readonly to: S
  readonly act?: A
}
type Table<S extends string, E extends string, A> = Readonly<Record<S, Readonly<Partial<Record<E, Step<S, A>>>>>>

export const PROVE: Table<ProveState, ProveEvent, ProveAction> = {
  waiting: {
    due: { to: 'working', act: 'begin' },
    closed: { to: 'over' },
  },
  working: {
    finished: { to: 'done' },
    unfinished: { to: 'resting' },
    undone: { to: 'waiting', act: 'drop' },
    closed: { to: 'over', act: 'end' },
  },
  resting: {
    due: { to: 'working', act: 'begin' },
    undone: { to: 'waiting', act: 'drop' },
    closed: { to: 'over' },
  },
  done: {
    // Looked at again: a message that failed may have left partitions without a proof.
    unfinished: { to: 'resting' },
    undone: { to: 'waiting', act: 'drop' },
    closed: { to: 'over' },
  },
  over: {},
}

/**
 * How far the message is that takes a proof to the chain.
 *
 * | state     | meaning                                                                                  |
 * |-----------|------------------------------------------------------------------------------------------|
 * | ready     | the proof is kept; no message of it is on its way                                         |
 * | sent      | a message is written down, and may be anywhere from here to the chain                     |
 * | landed    | the chain has taken it                                                                    |
 * | discarded | it is of no use any more: another challenge, or the chain refuses it; made anew if needed |
 * | missed    | the window closed before it landed                                                        |
 */
export type SubmitState = 'ready' | 'sent' | 'landed' | 'discarded' | 'missed'
/**
 * `open`: the window is open and deep enough. `late`: it waits, and less of the window is left than its fees are for. `failed`: landed with an error.
 * `lost`: it is not on its way any more. `reverted`: a reorg took it back. `useless`: it answers another challenge, or the chain has
 * its partitions already, or refuses it again and again.
 */
export type SubmitEvent = 'open' | 'late' | 'landed' | 'failed' | 'lost' | 'reverted' | 'useless' | 'closed'
export type SubmitAction = 'send' | 'raise'

export const SUBMIT: Table<SubmitState, SubmitEvent, SubmitAction> = {
  ready: {
    open: { to: 'sent', act: 'send' },
    useless: { to: 'discarded' },
    closed: { to: 'missed' },
  },
  sent: {
    late: { to: 'sent', act: 'raise' },
    landed: { to: 'landed' },
    failed: { to: 'ready' },
    lost: { to: 'ready' },
    useless: { to: 'discarded' },
    closed: { to: 'missed' },
  },
  landed: {
    reverted: { to: 'sent' },
    failed: { to: 'ready' },
    useless: { to: 'discarded' },
  },
  discarded: {},
  // The last block of a window is seen when it has closed.
  missed: { landed: { to: 'landed' } },
}

/** Undefined where an event changes nothing. */
export function next<S extends string, E extends string, A>(
  table: Table<S, E, A>,
  state: S,
  event: E,
): Step<S, A> | undefined {
  return table[state][event]
}

/** Epochs of the settings; 0 is what the original does without a setting. */
export interface Confidences {
  readonly SubmitConfidence: number
  readonly ChallengeConfidence: number
}
const DEFAULT_CHALLENGE_CONFIDENCE = 10
const DEFAULT_SUBMIT_CONFIDENCE = 4

/** Epochs of a window that are enough of it before it closes: a proof that is sent later than that lands only by luck. */
const share = (window: Window, parts: number): number => Math.floor((window.Close - window.Open) / parts)

export type Window = Pick<DeadlineInfo, 'Open' | 'Close' | 'Challenge' | 'Index'>

/** When what is done in a window, in epochs. On chains with short windows the defaults shrink to what leaves time to prove. */
export interface WindowTimes {
  readonly begin: number
  readonly submit: number
  /** Sectors of which nothing can be found out are waited for until here; then the others are proven without them. */
  readonly patience: number
  /** No proof is begun from here on. */
  readonly lastBegin: number
}

export function windowTimes(window: Window, { SubmitConfidence, ChallengeConfidence }: Confidences): WindowTimes {
  const lookback = window.Open - window.Challenge
  return {
    begin: window.Challenge + (ChallengeConfidence || Math.min(DEFAULT_CHALLENGE_CONFIDENCE, Math.ceil(lookback / 2))),
    submit: window.Open + (SubmitConfidence || Math.min(DEFAULT_SUBMIT_CONFIDENCE, share(window, 5))),
    patience: window.Open + share(window, 4),
    lastBegin: window.Close - 2,
  }
}

/** What a head means for the proofs of a window; `undoneFrom`: the lowest epoch that a reorg has changed since the last head. */
export function proveEvents(
  window: Window,
  times: WindowTimes,
  height: number,
  undoneFrom: number | undefined,
): ProveEvent[] {
  const events: ProveEvent[] = []
  if (undoneFrom !== undefined && undoneFrom <= window.Challenge) events.push('undone')
  if (height >= window.Close) events.push('closed')
  else if (height >= times.begin) events.push('due')
  return events
}

/** The first window of a miner whose challenge is not known yet at a height. */
export function comingWindow(present: DeadlineInfo, height: number): DeadlineInfo {
  for (const window of windowsFrom(present, height)) if (window.Challenge > height) return window
  throw new Error('a chain has no end of windows')
}

/**
 * The windows of a miner whose challenge is known at a height and that have not closed: the present one, and those that follow it soon. `present` is the
 * chain's own deadline info, of which all lengths are taken.
 */
export function liveWindows(present: DeadlineInfo, height: number): DeadlineInfo[] {
  const found: DeadlineInfo[] = []
  for (const window of windowsFrom(present, height)) {
    if (window.Challenge > height) return found
    if (height < window.Close) found.push(window)
  }
  return found
}

/** The windows of a miner that closed within the last proving period, at or before an epoch; the newest first. */
export function closedWindows(present: DeadlineInfo, closed: number): DeadlineInfo[] {
  const found: DeadlineInfo[] = []
  let { PeriodStart, Index } = present
  for (let count = 0; count <= present.WPoStPeriodDeadlines; count++) {
    const window = newDeadlineInfo(PeriodStart, Index, present.CurrentEpoch, present)
    if (window.Open >= 0 && window.Close > window.Open && window.Close <= closed) found.push(window)
    if (Index === 0) PeriodStart -= present.WPoStProvingPeriod
    Index = (Index === 0 ? present.WPoStPeriodDeadlines : Index) - 1
  }
  return found
}

/** The present one and all that follow it. */
function* windowsFrom(present: DeadlineInfo, height: number): Generator<DeadlineInfo> {
  let { PeriodStart, Index } = present
  for (;;) {
    if (Index >= present.WPoStPeriodDeadlines) {
      PeriodStart = nextPeriodStart({ ...present, PeriodStart })
      Index = 0
    }
    yield newDeadlineInfo(PeriodStart, Index, height, present)
    Index += 1
  }
}
