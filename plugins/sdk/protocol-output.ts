import { Console } from 'node:console'
import type { Writable } from 'node:stream'

/** From here on, what is only nice to know is not queued any more. */
const CONGESTED_BYTES = 1 << 20

/**
 * The stdout side of the protocol: whole lines, in the order they were handed in. Answers are always queued, even when the reader is
 * slow, for a processor that stopped reading its stdin because nobody reads its stdout would lock up with a parent that does the same.
 * Progress is left out while there is a queue.
 */
export class ProtocolOutput {
  readonly #stream: Writable
  readonly #write: Writable['write']

  constructor(stream: Writable) {
    this.#stream = stream
    this.#write = stream.write.bind(stream) as Writable['write']
  }

  line(text: string): void {
    this.#write(`${text}\n`)
  }

  /** Lost while the reader does not keep up. */
  lossyLine(text: string): void {
    if (this.#stream.writableLength < CONGESTED_BYTES) this.line(text)
  }

  /** Called when the reader is gone, or the stream is broken otherwise. What is written afterwards is lost. */
  onBroken(listener: (error: Error) => void): void {
    this.#stream.on('error', listener)
  }

  /** Resolves when everything was taken by the reader, or never will be. */
  flushed(): Promise<void> {
    return new Promise(resolve => {
      this.#write('', () => resolve())
      this.#stream.once('close', resolve)
      this.#stream.once('error', () => resolve())
    })
  }
}

/**
 * Takes stdout for the protocol: whatever else is printed by JavaScript in this process, `console.log` included, goes to stderr.
 * Native code that prints to file descriptor 1 by itself cannot be caught.
 */
export function takeStdout(): ProtocolOutput {
  const output = new ProtocolOutput(process.stdout)
  process.stdout.write = process.stderr.write.bind(process.stderr) as typeof process.stdout.write
  globalThis.console = new Console(process.stderr, process.stderr)
  return output
}
