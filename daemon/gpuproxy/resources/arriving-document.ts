import { UuidV5 } from '../../../rpc-schema/gpuproxy/task-ids.js'
import { BadResourceError, C2Outline, type ReadDocument } from './c2-resource.js'
import type { IncomingResource } from './resource-store.js'

const [MINUS, UNDERSCORE, PADDING, BACKSLASH, SLASH] = [0x2d, 0x5f, 0x3d, 0x5c, 0x2f] as const
/** Characters that make up whole bytes. */
const QUANTUM = 4
const NOTHING: Buffer = Buffer.alloc(0)

/**
 * A document whose base64 is still coming: it is decoded, read and stored portion by portion, so that one of tens of megabytes takes no more memory than a
 * small one. What is wrong with it is told at the end; nothing more is stored then.
 */
export class ArrivingDocument {
  readonly #incoming: IncomingResource
  readonly #outline = new C2Outline()
  readonly #id = new UuidV5()
  #rest: Buffer = NOTHING
  #padding = 0
  #failure: BadResourceError | undefined

  constructor(incoming: IncomingResource) {
    this.#incoming = incoming
  }

  write(text: Buffer): Promise<void> {
    return this.#noting(() => this.#decode(text))
  }

  /** After the last portion. */
  finish(): Promise<void> {
    return this.#noting(async () => {
      if (this.#rest.length > 0) await this.#take(this.#rest)
    })
  }

  /** Once. Throws a BadResourceError. */
  read(): ReadDocument {
    if (this.#failure !== undefined) throw this.#failure
    return { statement: this.#outline.end(), resourceId: this.#id.id() }
  }

  keep(resourceId: string): Promise<void> {
    return this.#incoming.keep(resourceId)
  }

  discard(): Promise<void> {
    return this.#incoming.discard()
  }

  async #noting(work: () => Promise<void>): Promise<void> {
    if (this.#failure !== undefined) return
    try {
      await work()
    } catch (error) {
      if (!(error instanceof BadResourceError)) throw error
      this.#failure = error
    }
  }

  async #decode(text: Buffer): Promise<void> {
    const end = this.#padding > 0 ? 0 : text.indexOf(PADDING)
    const padding = end < 0 ? NOTHING : text.subarray(end)
    this.#padding += padding.length
    if (this.#padding > 2 || padding.some(byte => byte !== PADDING)) throw new BadResourceError('not base64')
    const characters = end < 0 ? text : text.subarray(0, end)
    const missing = QUANTUM - this.#rest.length
    const isPlain = !this.#rest.includes(BACKSLASH) && !characters.includes(BACKSLASH)
    if (this.#rest.length === 0 || !isPlain || characters.length < missing)
      return this.#decodeWhole(this.#rest.length === 0 ? characters : Buffer.concat([this.#rest, characters]))
    // Only what belongs together with the rest is copied.
    await this.#take(Buffer.concat([this.#rest, characters.subarray(0, missing)]))
    await this.#decodeWhole(characters.subarray(missing))
  }

  async #decodeWhole(text: Buffer): Promise<void> {
    const characters = unescaped(text)
    const decided = characters.length - Number(characters.at(-1) === BACKSLASH)
    const whole = decided - (decided % QUANTUM)
    this.#rest = Buffer.from(characters.subarray(whole))
    if (whole > 0) await this.#take(characters.subarray(0, whole))
  }

  async #take(characters: Buffer): Promise<void> {
    const bytes = Buffer.from(characters.toString('latin1'), 'base64')
    // Node passes over what is not base64, and takes the two letters of the URL's alphabet.
    const isWhole = characters.length % QUANTUM !== 1 && bytes.length === Math.floor((characters.length * 3) / QUANTUM)
    if (!isWhole || characters.includes(MINUS) || characters.includes(UNDERSCORE))
      throw new BadResourceError('not base64')
    this.#id.update(bytes)
    this.#outline.write(bytes)
    await this.#incoming.write(bytes)
  }
}

/** Some writers of JSON put a backslash before each slash. One at the very end stays, as what follows it has not come yet. */
function unescaped(text: Buffer): Buffer {
  if (!text.includes(BACKSLASH)) return text
  return Buffer.from(text.filter((byte, at) => byte !== BACKSLASH || text[at + 1] !== SLASH))
}
