import { z } from 'zod'
import { decodeRlePlus, encodeRlePlus } from './rle-plus.js'

/**
 * An immutable set of numbers (sectors, partitions), kept as ranges: a million consecutive sectors cost as much as one.
 * Members are safe integers.
 */
export class Bitfield implements Iterable<number> {
  static readonly EMPTY = new Bitfield([])

  /** Ranges `[start, end)` laid out flat: start0, end0, start1, end1, …, strictly increasing. */
  readonly bounds: readonly number[]

  private constructor(bounds: readonly number[]) {
    this.bounds = bounds
  }

  /** The set of these numbers; order and repetition do not matter. Throws a RangeError for what is no member. */
  static of(members: Iterable<number>): Bitfield {
    const sorted: number[] = []
    let ordered = true
    for (const member of members) {
      if (!Number.isSafeInteger(member) || member < 0 || member === Number.MAX_SAFE_INTEGER) {
        throw new RangeError(`bitfield member ${member}: expected an integer in 0…2^53−2`)
      }
      if (ordered && sorted.length > 0 && member < sorted[sorted.length - 1]!) ordered = false
      sorted.push(member)
    }
    if (!ordered) sorted.sort((a, b) => a - b)
    const bounds: number[] = []
    for (const member of sorted) {
      const end = bounds[bounds.length - 1]
      if (end === member) bounds[bounds.length - 1] = member + 1
      else if (end === undefined || end < member) bounds.push(member, member + 1)
    }
    return new Bitfield(bounds)
  }

  /** The numbers `start … start + count − 1`. */
  static range(start: number, count: number): Bitfield {
    return count === 0 ? Bitfield.EMPTY : Bitfield.fromRuns([start, count])
  }

  /**
   * Reads run lengths, the first one of zeros: `[0, 3, 5, 2]` is {0, 1, 2, 8, 9}. Throws a RangeError for a zero that is not first and
   * for lengths that are no integers or reach beyond 2^53.
   */
  static fromRuns(runs: readonly number[]): Bitfield {
    const bounds: number[] = []
    let at = 0
    for (const [index, run] of runs.entries()) {
      if (!Number.isSafeInteger(run) || run < 0)
        throw new RangeError(`run ${index} of a bitfield: expected a length, found ${run}`)
      if (run === 0 && index > 0) throw new RangeError(`run ${index} of a bitfield: only the first run may be 0`)
      const end = at + run
      if (!Number.isSafeInteger(end)) throw new RangeError(`run ${index} of a bitfield: it reaches beyond 2^53−1`)
      if (index % 2 === 1) bounds.push(at, end)
      at = end
    }
    return new Bitfield(bounds)
  }

  /** Reads RLE+ bytes (version 0). Throws a RangeError unless they are exactly what {@link toRlePlus} would write. */
  static fromRlePlus(bytes: Uint8Array): Bitfield {
    return Bitfield.fromRuns(decodeRlePlus(bytes))
  }

  toRlePlus(): Uint8Array {
    return encodeRlePlus(this.isEmpty ? [] : this.toRuns())
  }

  /** Run lengths as in JSON; the empty set is `[0]`. */
  toRuns(): number[] {
    if (this.isEmpty) return [0]
    let at = 0
    return this.bounds.map(bound => {
      const run = bound - at
      at = bound
      return run
    })
  }

  get isEmpty(): boolean {
    return this.bounds.length === 0
  }

  get count(): number {
    let count = 0
    for (let at = 0; at < this.bounds.length; at += 2) count += this.bounds[at + 1]! - this.bounds[at]!
    return count
  }

  /** Smallest member; undefined when empty. */
  get first(): number | undefined {
    return this.bounds[0]
  }

  /** Largest member; undefined when empty. */
  get last(): number | undefined {
    return this.isEmpty ? undefined : this.bounds[this.bounds.length - 1]! - 1
  }

  has(member: number): boolean {
    // The number of bounds at or below the member is odd inside a range.
    let low = 0
    let high = this.bounds.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.bounds[middle]! <= member) low = middle + 1
      else high = middle
    }
    return low % 2 === 1 && Number.isInteger(member)
  }

  *[Symbol.iterator](): Generator<number, void, undefined> {
    for (let at = 0; at < this.bounds.length; at += 2) {
      for (let member = this.bounds[at]!; member < this.bounds[at + 1]!; member++) yield member
    }
  }

  /** Ranges `[start, end)` in order. */
  *ranges(): Generator<readonly [start: number, end: number], void, undefined> {
    for (let at = 0; at < this.bounds.length; at += 2) yield [this.bounds[at]!, this.bounds[at + 1]!]
  }

  toArray(): number[] {
    return [...this]
  }

  union(other: Bitfield): Bitfield {
    return this.merge(other, (a, b) => a || b)
  }

  intersect(other: Bitfield): Bitfield {
    return this.merge(other, (a, b) => a && b)
  }

  /** The members of this set that are not in the other. */
  subtract(other: Bitfield): Bitfield {
    return this.merge(other, (a, b) => a && !b)
  }

  equals(other: Bitfield): boolean {
    return (
      this.bounds.length === other.bounds.length && this.bounds.every((bound, index) => bound === other.bounds[index])
    )
  }

  toJSON(): number[] {
    return this.toRuns()
  }

  /** Walks both sets' bounds in order and keeps the places where the wanted membership flips. */
  private merge(other: Bitfield, wanted: (a: boolean, b: boolean) => boolean): Bitfield {
    const bounds: number[] = []
    let [i, j, inside] = [0, 0, false]
    while (i < this.bounds.length || j < other.bounds.length) {
      const at = Math.min(this.bounds[i] ?? Number.POSITIVE_INFINITY, other.bounds[j] ?? Number.POSITIVE_INFINITY)
      if (this.bounds[i] === at) i++
      if (other.bounds[j] === at) j++
      const now = wanted(i % 2 === 1, j % 2 === 1)
      if (now !== inside) {
        bounds.push(at)
        inside = now
      }
    }
    return new Bitfield(bounds)
  }
}

/** Run lengths <-> {@link Bitfield}; null and `[]` are the empty set, which encodes as `[0]`. */
export const BitfieldJson = z.codec(
  z.array(z.number()).nullable(),
  z.custom<Bitfield>(value => value instanceof Bitfield, 'expected a Bitfield'),
  {
    decode: (runs, ctx) => {
      try {
        return Bitfield.fromRuns(runs ?? [])
      } catch (error) {
        ctx.issues.push({ code: 'custom', input: runs, message: (error as Error).message })
        return z.NEVER
      }
    },
    encode: bitfield => bitfield.toRuns(),
  },
)
export type BitfieldJson = z.output<typeof BitfieldJson>
