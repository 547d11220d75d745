/** Where progress is shown: a terminal gets one line that is drawn again, anything else a line now and then. */
export interface ProgressOutput {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  write(text: string): unknown
}

const REDRAW_MS = 100
const PLAIN_MS = 10_000
const BAR_WIDTH = 24

/** One long step, shown as it goes on: `porep  [######......]  42%  0:21 left`. */
export class ProgressLine {
  readonly #output: ProgressOutput
  readonly #now: () => number
  readonly #startedAt: number
  #lastShownAt = Number.NEGATIVE_INFINITY
  #drawn = false

  constructor(output: ProgressOutput = process.stdout, now: () => number = () => performance.now()) {
    this.#output = output
    this.#now = now
    this.#startedAt = now()
  }

  /** `done` from 0 to 1. The time left is extrapolated from the pace so far. */
  update(label: string, done: number): void {
    const now = this.#now()
    if (now - this.#lastShownAt < (this.#output.isTTY ? REDRAW_MS : PLAIN_MS)) return
    this.#lastShownAt = now
    const share = Math.min(Math.max(done, 0), 1)
    const left = share > 0.02 ? `  ${clockText(((now - this.#startedAt) / share) * (1 - share))} left` : ''
    const percent = `${Math.floor(share * 100)
      .toString()
      .padStart(3)}%`
    if (!this.#output.isTTY) {
      this.#output.write(`${label} ${percent.trim()}${left}\n`)
      return
    }
    const filled = Math.round(share * BAR_WIDTH)
    this.#draw(`${label}  [${'#'.repeat(filled)}${'.'.repeat(BAR_WIDTH - filled)}] ${percent}${left}`)
  }

  /** Shows a text in place of the bar, for steps whose length nobody knows. */
  text(text: string): void {
    const now = this.#now()
    if (now - this.#lastShownAt < (this.#output.isTTY ? REDRAW_MS : PLAIN_MS)) return
    this.#lastShownAt = now
    if (this.#output.isTTY) this.#draw(text)
    else this.#output.write(`${text}\n`)
  }

  /** Takes the bar away and writes a last line in its place. */
  end(text: string): void {
    if (this.#drawn) this.#output.write('\r\x1b[2K')
    this.#drawn = false
    this.#output.write(`${text}\n`)
  }

  #draw(text: string): void {
    this.#drawn = true
    this.#output.write(`\r\x1b[2K${text.slice(0, (this.#output.columns ?? 100) - 1)}`)
  }
}

/** `1:05`, `12:00`, `1:02:03` */
export function clockText(ms: number): string {
  const total = Math.max(0, Math.round(ms / 1_000))
  const seconds = String(total % 60).padStart(2, '0')
  const minutes = Math.floor(total / 60)
  if (minutes < 60) return `${minutes}:${seconds}`
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}:${seconds}`
}
