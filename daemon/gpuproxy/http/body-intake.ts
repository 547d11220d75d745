import { randomUUID } from 'node:crypto'
import { ArrivingDocument } from '../resources/arriving-document.js'
import type { IncomingResource } from '../resources/resource-store.js'

/** How far into a body the document of a task may begin to be stored as it comes. */
const HEAD_BYTES = 8 * 1024
/** What may follow a document. */
const TAIL_BYTES = 64 * 1024
const QUOTE = 0x22

/**
 * Up to the first character of a document, in a request as the clients write them: the method before the parameters, these by position, with or without a
 * comment. What is written otherwise is as good, and is read as a whole.
 */
const BEFORE_DOCUMENT =
  /^\{(?:\s*"(?:jsonrpc|id|method)"\s*:\s*(?:"[^"\\]*"|-?\d+|null)\s*,)*\s*"params"\s*:\s*\[\s*(?:"(?:[^"\\]|\\.)*"\s*,\s*){1,2}\d+\s*,\s*"/
const ADDS_TASK = /"method"\s*:\s*"Proof\.AddTask"/

/** A body of which the document was taken out while it came. */
export interface AroundDocument {
  readonly text: Buffer
  /** What stands in the place of the document. */
  readonly mark: string
  readonly document: ArrivingDocument
}

/**
 * Where a body is:
 *
 * | state      | what it holds                                             | next                                    |
 * |------------|-----------------------------------------------------------|-----------------------------------------|
 * | `head`     | its beginning, which may be that of a task's submission    | `document`, `whole`                     |
 * | `document` | nothing: what comes is stored                              | `tail`, when the text of the document ends |
 * | `tail`     | what follows the document                                  | `refused`, when that does not end        |
 * | `whole`    | everything                                                 |                                         |
 * | `refused`  | nothing                                                    |                                         |
 */
type State = 'head' | 'document' | 'tail' | 'whole' | 'refused'

/** Takes a body as it comes. */
export class BodyIntake {
  readonly #receive: () => IncomingResource
  readonly #head: Buffer[] = []
  readonly #tail: Buffer[] = []
  #state: State = 'head'
  #headBytes = 0
  #lookAt = 1
  #tailBytes = 0
  #document: ArrivingDocument | undefined

  constructor(receive: () => IncomingResource) {
    this.#receive = receive
  }

  async write(chunk: Buffer): Promise<void> {
    if (this.#state === 'head') return this.#atHead(chunk)
    if (this.#state === 'document') return this.#inDocument(chunk)
    if (this.#state === 'whole') this.#head.push(chunk)
    if (this.#state === 'tail') this.#afterDocument(chunk)
  }

  /** The whole body, in memory of its own that can be given away; or what is around its document; undefined when it cannot be a request. */
  async end(): Promise<Buffer | AroundDocument | undefined> {
    if (this.#state === 'head' || this.#state === 'whole') return joined(this.#head)
    if (this.#state !== 'tail') return undefined
    await this.#document!.finish()
    const mark = randomUUID()
    const text = joined([...this.#head, Buffer.from(mark), ...this.#tail])
    return { text, mark, document: this.#document! }
  }

  async discard(): Promise<void> {
    await this.#document?.discard()
  }

  async #atHead(chunk: Buffer): Promise<void> {
    this.#head.push(chunk)
    this.#headBytes += chunk.length
    // Not at every byte of one that comes byte by byte.
    if (this.#headBytes < this.#lookAt) return
    this.#lookAt = 2 * this.#headBytes
    const head = this.#head.length === 1 ? chunk : Buffer.concat(this.#head)
    const before = BEFORE_DOCUMENT.exec(head.subarray(0, HEAD_BYTES).toString('latin1'))?.[0]
    if (before !== undefined && ADDS_TASK.test(before)) {
      this.#head.splice(0, this.#head.length, head.subarray(0, before.length))
      this.#document = new ArrivingDocument(this.#receive())
      this.#state = 'document'
      return this.#inDocument(head.subarray(before.length))
    }
    if (head.length >= HEAD_BYTES) this.#state = 'whole'
  }

  async #inDocument(chunk: Buffer): Promise<void> {
    const end = chunk.indexOf(QUOTE)
    if (end < 0) return this.#document!.write(chunk)
    await this.#document!.write(chunk.subarray(0, end))
    this.#state = 'tail'
    this.#afterDocument(chunk.subarray(end))
  }

  #afterDocument(chunk: Buffer): void {
    this.#tail.push(chunk)
    this.#tailBytes += chunk.length
    if (this.#tailBytes > TAIL_BYTES) {
      this.#tail.length = 0
      this.#state = 'refused'
    }
  }
}

function joined(parts: readonly Buffer[]): Buffer {
  const all = Buffer.from(new ArrayBuffer(parts.reduce((sum, { length }) => sum + length, 0)))
  let at = 0
  for (const part of parts) at += part.copy(all, at)
  return all
}
