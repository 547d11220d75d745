import { errorText } from '../../../rpc-schema/seal-error.js'
import type { Clock } from '../clock.js'

export interface WatchOutput {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  readonly rows?: number | undefined
  write(text: string): unknown
}

export interface WatchParts {
  readonly output: WatchOutput
  readonly clock: Clock
  readonly everyMs: number
  /** Ends the watching. */
  readonly signal: AbortSignal
  /** Draws again at the top of a terminal; else, and on anything that is no terminal, the texts follow one another. */
  readonly redraw: boolean
  /** What is to be shown now, without a last line break. */
  text(): Promise<string>
}

const HOME = '\x1b[H'
const CLEAR_SCREEN = '\x1b[2J'
const CLEAR_LINE_REST = '\x1b[K'
const CLEAR_BELOW = '\x1b[J'

/** Shows a text again and again until the signal aborts. A text that cannot be had is shown as its error, and asked for again. */
export async function watch(parts: WatchParts): Promise<void> {
  const { output, clock, everyMs, signal } = parts
  const redraw = parts.redraw && output.isTTY === true
  if (redraw) output.write(HOME + CLEAR_SCREEN)
  while (!signal.aborted) {
    const text = await unlessAborted(parts.text().catch(errorText), signal)
    if (text === undefined) break
    output.write(redraw ? screen(text, output) : `${text}\n`)
    await clock.sleep(everyMs, signal).catch(() => {})
  }
}

/** Lines are cut at the edges: one that wraps would push the first ones out. */
function screen(text: string, { columns = 200, rows = 50 }: WatchOutput): string {
  const lines = text.split('\n').slice(0, rows - 1)
  return `${HOME}${lines.map(line => `${line.slice(0, columns)}${CLEAR_LINE_REST}\n`).join('')}${CLEAR_BELOW}`
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const leave = (): void => resolve(undefined)
    if (signal.aborted) leave()
    else signal.addEventListener('abort', leave, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave))
  })
}
