const NEWLINE = 0x0a

/** The longest line taken: below the longest string V8 can hold (2^29 - 24 characters). */
export const MAX_LINE_BYTES = 500 * 1024 * 1024

export interface LineListener {
  onLine(line: string): void
  /** A line of `bytes` was longer than allowed and is lost. `start` is its beginning. */
  onTooLong?(bytes: number, start: string): void
}

/**
 * Cuts a byte stream into lines. A line that comes in thousands of chunks is joined once, when its end has arrived, so the cost
 * stays linear in its length; UTF-8 sequences cut by chunk borders survive for the same reason.
 */
export class LineSplitter {
  readonly #listener: LineListener
  readonly #maxBytes: number
  #parts: Buffer[] = []
  #bytes = 0

  constructor(listener: LineListener, maxBytes = MAX_LINE_BYTES) {
    this.#listener = listener
    this.#maxBytes = maxBytes
  }

  push(chunk: Buffer): void {
    let from = 0
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      this.#append(chunk.subarray(from, at))
      this.#finishLine()
      from = at + 1
    }
    if (from < chunk.length) this.#append(chunk.subarray(from))
  }

  /** What came after the last newline, when the stream has ended. */
  rest(): string | undefined {
    if (this.#bytes === 0) return undefined
    const rest = Buffer.concat(this.#parts).toString('utf8')
    this.#clear()
    return rest
  }

  #append(part: Buffer): void {
    this.#bytes += part.length
    // Of a line that is too long only the beginning is kept, to tell what it was.
    if (this.#bytes <= this.#maxBytes || this.#parts.length === 0) this.#parts.push(part)
    else if (this.#parts.length > 1) this.#parts.length = 1
  }

  #finishLine(): void {
    const bytes = this.#bytes
    const parts = this.#parts
    this.#clear()
    if (bytes > this.#maxBytes) {
      this.#listener.onTooLong?.(bytes, parts[0]!.subarray(0, 100).toString('utf8'))
      return
    }
    const line = parts.length === 1 ? parts[0]! : Buffer.concat(parts)
    const end = line.length > 0 && line[line.length - 1] === 0x0d ? line.length - 1 : line.length
    this.#listener.onLine(line.toString('utf8', 0, end))
  }

  #clear(): void {
    this.#parts = []
    this.#bytes = 0
  }
}
