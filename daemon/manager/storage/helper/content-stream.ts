import { Readable } from 'node:stream'
import { DeadlineError, withDeadline } from '../../concurrency/deadline.js'
import type { HelperProcess } from './helper-process.js'
import { HungStoreError, type StoreHelper } from './store-helper.js'

export interface ContentLimits {
  /** Streams of one store at the same time; more wait. */
  streams: number
  /** How long one waits for its turn, ms. */
  turnMs: number
  /** Without a byte for so long the store is taken to hang, ms. */
  stallMs: number
}

export const CONTENT_LIMITS: ContentLimits = { streams: 16, turnMs: 30_000, stallMs: 60_000 }

/** Streams of content from and into one store, each in a helper of its own that is killed when it stalls. */
export class StoreContent {
  readonly #helper: StoreHelper
  readonly #limits: ContentLimits
  readonly #turns: (() => void)[] = []
  #running = 0

  constructor(helper: StoreHelper, limits: Partial<ContentLimits> = {}) {
    this.#helper = helper
    this.#limits = { ...CONTENT_LIMITS, ...limits }
  }

  /** Exactly `length` bytes; the stream fails when the store gives fewer, or stalls. */
  async read(path: string, offset: number, length: number): Promise<Readable> {
    await this.#turn()
    let process: HelperProcess
    try {
      process = await this.#helper.guarded(() => this.#opened(path, offset, length))
    } catch (error) {
      this.#done()
      throw error
    }
    const content = Readable.from(this.#chunks(process, path, length), { objectMode: false, highWaterMark: 1 << 20 })
    return content.once('close', () => {
      process.kill('the stream is closed')
      this.#done()
    })
  }

  /** Resolves when the content is safe under its path. */
  async write(path: string, content: AsyncIterable<Uint8Array>, sizeBytes: number | undefined): Promise<void> {
    await this.#turn()
    try {
      await this.#helper.guarded(() => this.#written(path, content, sizeBytes))
    } finally {
      this.#done()
    }
  }

  async #opened(path: string, offset: number, length: number): Promise<HelperProcess> {
    const process = this.#helper.forStream()
    try {
      await process.request('read', { path, offset, length }, { limitMs: this.#limits.stallMs })
      return process
    } catch (error) {
      this.#giveUp(process, error)
      throw error
    }
  }

  async *#chunks(process: HelperProcess, path: string, length: number): AsyncGenerator<Uint8Array> {
    let rest = length
    const chunks = process.content[Symbol.asyncIterator]()
    while (rest > 0) {
      // Only waiting for the store counts, not the reader's own pace.
      const next = await this.#unlessStalled(process, path, chunks.next())
      if (next.done) throw new Error(`${path} of store ${this.#helper.name} ended ${rest} bytes early`)
      const chunk = next.value as Uint8Array
      rest -= chunk.length
      yield chunk
    }
  }

  async #written(path: string, content: AsyncIterable<Uint8Array>, sizeBytes: number | undefined): Promise<void> {
    const process = this.#helper.forStream()
    const size = sizeBytes === undefined ? {} : { sizeBytes }
    // The whole of it may take hours: its pieces have deadlines.
    const answer = process.request('write', { path, ...size }, { limitMs: 2 ** 31 - 1 })
    const refused = answer.then(() => undefined)
    refused.catch(() => {})
    process.sink.on('error', () => {})
    try {
      await this.#feed(process, path, content, refused)
      process.sink.end()
      await this.#unlessStalled(process, path, answer)
      process.release()
    } catch (error) {
      if (error instanceof DeadlineError) throw error
      process.cancelContent()
      await withDeadline(
        'cleaning up',
        this.#limits.stallMs,
        answer.catch(() => {}),
      ).catch(() => {})
      this.#giveUp(process, error)
      throw error
    }
  }

  async #feed(
    process: HelperProcess,
    path: string,
    content: AsyncIterable<Uint8Array>,
    refused: Promise<void>,
  ): Promise<void> {
    let over = false
    const early = refused.finally(() => {
      over = true
    })
    early.catch(() => {})
    for await (const chunk of content) {
      if (over) break
      if (process.sink.write(chunk)) continue
      const drained = new Promise<void>(resolve => process.sink.once('drain', resolve))
      await this.#unlessStalled(process, path, Promise.race([drained, early]))
    }
    if (over) await refused
  }

  async #unlessStalled<T>(process: HelperProcess, path: string, work: Promise<T>): Promise<T> {
    try {
      return await withDeadline(`${path} in the store ${this.#helper.name}`, this.#limits.stallMs, work)
    } catch (error) {
      if (error instanceof DeadlineError) this.#helper.giveUp(process, error.message)
      throw error
    }
  }

  #giveUp(process: HelperProcess, error: unknown): void {
    this.#helper.giveUp(process, error instanceof Error ? error.message : String(error))
  }

  async #turn(): Promise<void> {
    if (this.#running < this.#limits.streams) {
      this.#running++
      return
    }
    let take = (): void => {}
    const turn = new Promise<void>(resolve => {
      take = resolve
      this.#turns.push(resolve)
    })
    try {
      await withDeadline(`a turn in store ${this.#helper.name}`, this.#limits.turnMs, turn)
    } catch {
      const at = this.#turns.indexOf(take)
      // The turn may have come just now.
      if (at < 0) this.#done()
      else this.#turns.splice(at, 1)
      throw new HungStoreError(this.#helper.name, `${this.#limits.streams} streams are open and none ended in time`)
    }
  }

  #done(): void {
    const next = this.#turns.shift()
    if (next === undefined) this.#running--
    else next()
  }
}
