import type { Clock } from '../../kit/clock.js'

/** Every kind of alarm: what it means, and what a person can do. */
export const ALARMS = {
  funds: 'nobody can pay for what waits to be sent: top up the sender or the miner',
  refused: 'the node does not take a message, its reason is told: it is tried again, but may never go',
  stuck: 'a message does not land: somebody else may have used its sender, see `util message search`',
  upgrade: 'an upgrade has stopped: look at its reason in `util sealer queue snapup`, then submit it again or abort it',
  damaged: 'the files of a sector cannot be proven: `util sealer sectors rebuild MINER NUMBER` makes them anew',
  forecast:
    'a coming proving deadline needs more time than there is: look at its stores and its prover, see `util post rehearsals`',
  unread:
    'sectors of a coming deadline could not be read for trial: they become faulty unless their stores are well again by then',
  pace: 'an open proving deadline will be missed at the present pace: see `util post timeline --steps`',
  missed: 'a proving deadline was missed, in whole or in part: what was late stands in `util post timeline`',
} as const
export type AlarmKind = keyof typeof ALARMS

export interface Alarm {
  readonly kind: AlarmKind
  /** What it is about: `pre-commit of miner 1000`, `s-t01000-7`. One kind is raised for a subject once. */
  readonly subject: string
  readonly text: string
  /** ms since the Unix epoch. */
  readonly since: number
}

/** Looks up alarms that are written down elsewhere. */
type Watch = () => Promise<readonly Alarm[]>

/** What needs a person now. A log line passes; these stay until their reason is gone. Those that are raised are raised again after a restart, as soon as they are met with. */
export class Alarms {
  readonly #clock: Pick<Clock, 'now'>
  readonly #raised = new Map<string, Alarm>()
  readonly #watches: Watch[] = []

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  /** Raised again it keeps its time and gets the new text. */
  raise(kind: AlarmKind, subject: string, text: string): void {
    const key = `${kind} ${subject}`
    const since = this.#raised.get(key)?.since ?? this.#clock.now()
    this.#raised.set(key, { kind, subject, text, since })
  }

  clear(kind: AlarmKind, subject: string): void {
    this.#raised.delete(`${kind} ${subject}`)
  }

  watch(look: Watch): void {
    this.#watches.push(look)
  }

  /** The oldest first. */
  async list(): Promise<Alarm[]> {
    const looked = await Promise.all(this.#watches.map(look => look()))
    return [...this.#raised.values(), ...looked.flat()].sort((a, b) => a.since - b.since)
  }
}
