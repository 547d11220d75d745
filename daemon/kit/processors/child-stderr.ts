import type { Readable } from 'node:stream'
import { LineSplitter } from '../../../plugins/sdk/line-splitter.js'
import type { Clock } from '../clock.js'
import type { Logger } from '../log.js'
import { FloodGate } from './flood-gate.js'

const KEPT_LINES = 20
const KEPT_CHARACTERS = 2_000
/** What a child may write to the log in one second; the rest is counted, not written. */
const LINES_PER_SECOND = 500
const MAX_STDERR_LINE_BYTES = 1 << 20

/** pino's level numbers, which our own processors write. */
const LEVELS = { 10: 'trace', 20: 'debug', 30: 'info', 40: 'warn', 50: 'error', 60: 'fatal' } as const

/** Reads a child's stderr: passes it on to the worker's log, and remembers its end for the error that a death becomes. */
export class ChildStderr {
  readonly #log: Logger
  readonly #gate: FloodGate
  readonly #last: string[] = []

  constructor(stream: Readable, log: Logger, clock: Clock) {
    this.#log = log
    this.#gate = new FloodGate(LINES_PER_SECOND, clock, lines =>
      log.warn({ lines }, 'a processor floods its stderr: lines left out'),
    )
    const lines = new LineSplitter(
      {
        onLine: line => this.#onLine(line),
        onTooLong: (bytes, start) => this.#onLine(`${start}… (a line of ${bytes} bytes)`),
      },
      MAX_STDERR_LINE_BYTES,
    )
    stream.on('data', (chunk: Buffer) => lines.push(chunk))
    stream.on('error', error => log.debug({ err: error }, 'stderr of a processor cannot be read'))
    stream.on('end', () => {
      const rest = lines.rest()
      if (rest !== undefined) this.#onLine(rest)
      this.#gate.flush()
    })
  }

  /** The last lines, oldest first. */
  get last(): readonly string[] {
    return [...this.#last]
  }

  #onLine(line: string): void {
    if (line.trim() === '') return
    const kept = line.length > KEPT_CHARACTERS ? `${line.slice(0, KEPT_CHARACTERS)}…` : line
    this.#last.push(kept)
    if (this.#last.length > KEPT_LINES) this.#last.shift()
    if (this.#gate.pass()) this.#passOn(kept)
  }

  /** An event that a processor of ours logged keeps its level and its fields; any other line is logged as it is. */
  #passOn(line: string): void {
    if (line.startsWith('{') && line.endsWith('}')) {
      try {
        const {
          level,
          msg,
          time: _time,
          pid: _pid,
          name: _name,
          ...fields
        } = JSON.parse(line) as Record<string, unknown>
        const method = LEVELS[level as keyof typeof LEVELS]
        if (method !== undefined) {
          this.#log[method](fields, typeof msg === 'string' ? msg : '')
          return
        }
      } catch {
        // Not one of ours.
      }
    }
    this.#log.info(line)
  }
}
