import { ACTION, FIRST_ACTION, isComplete, type Place, stateOf, TRANSITIONS } from './json-grammar.js'

export class JsonOutlineError extends Error {
  override readonly name = 'JsonOutlineError'
}

/** Nobody nests deeper who means it. */
const DEEPEST = 500
const AFTER: Readonly<Record<Place, number>> = {
  alone: stateOf('alone', 'after'),
  array: stateOf('array', 'after'),
  object: stateOf('object', 'after'),
}
const INSIDE = { array: stateOf('array', 'first'), object: stateOf('object', 'open') } as const

/**
 * Reads a JSON document of any size as it comes, and keeps its outline: the document with everything left out that is deeper than `depth` containers; the
 * containers that held it are empty. What is left out is read, too: a document that is not JSON is refused.
 */
export class JsonOutline {
  readonly #depth: number
  readonly #mostBytes: number
  readonly #kept: Buffer[] = []
  #keptBytes = 0
  #readBytes = 0
  #state = stateOf('alone', 'value')
  readonly #places: Place[] = []

  constructor({ depth, mostBytes }: { depth: number; mostBytes: number }) {
    this.#depth = depth
    this.#mostBytes = mostBytes
  }

  /** Throws a JsonOutlineError for what cannot follow. The bytes are looked at before it returns. */
  write(bytes: Buffer): void {
    let state = this.#state
    /** Where what is kept began; -1 while nothing is. */
    let from = this.#places.length > this.#depth ? -1 : 0
    for (let at = 0; at < bytes.length; at++) {
      let next = state
      // Nearly every byte only leads from one state to another.
      for (; at < bytes.length; at++) {
        next = TRANSITIONS[state | bytes[at]!]!
        if (next >= FIRST_ACTION) break
        state = next
      }
      if (at === bytes.length) break
      if (next === ACTION.refused) throw this.#refused(bytes, at)
      if (next === ACTION.close) {
        // Its closing bracket belongs to the container around it.
        if (this.#places.length === this.#depth + 1) from = at
        this.#places.pop()
        state = AFTER[this.#places.at(-1) ?? 'alone']
        continue
      }
      const place = next === ACTION.openArray ? 'array' : 'object'
      this.#places.push(place)
      state = INSIDE[place]
      if (this.#places.length > DEEPEST) throw new JsonOutlineError(`it nests deeper than ${DEEPEST} levels`)
      if (this.#places.length !== this.#depth + 1) continue
      this.#keep(bytes.subarray(from, at + 1))
      from = -1
    }
    if (from >= 0) this.#keep(bytes.subarray(from))
    this.#readBytes += bytes.length
    this.#state = state
  }

  /** The outline of the whole document. Throws a JsonOutlineError when it has not ended. */
  end(): string {
    if (!isComplete(this.#state)) throw new JsonOutlineError(`it ends too early, after ${this.#readBytes} bytes`)
    return Buffer.concat(this.#kept).toString('utf8')
  }

  /** A copy: the caller may use its memory again. */
  #keep(bytes: Buffer): void {
    this.#keptBytes += bytes.length
    if (this.#keptBytes > this.#mostBytes)
      throw new JsonOutlineError(`its upper ${this.#depth} levels have more than ${this.#mostBytes} bytes`)
    this.#kept.push(Buffer.from(bytes))
  }

  #refused(bytes: Buffer, at: number): JsonOutlineError {
    const found = JSON.stringify(bytes.subarray(at, at + 1).toString('latin1'))
    return new JsonOutlineError(`unexpected ${found} at byte ${this.#readBytes + at}`)
  }
}
