import { bytesEqual } from './bytes.js'

/**
 * RLE+, the chain's encoding of bitfields (https://spec.filecoin.io/#section-appendix.data_structures.rleplus). Bits go from the lowest
 * of each byte up: two bits of version (0), one bit with the value of the first run, then a block for every run:
 *
 * | block | of runs |
 * |---|---|
 * | `1` | length 1 |
 * | `01` + 4 bits of length | up to 15 |
 * | `00` + LEB128 of the length | longer |
 *
 * The encoding is unique; what is not exactly the encoder's output is refused.
 */
const VERSION = 0
const SHORT_BLOCK_BITS = 4
const SHORT_BLOCK_LIMIT = 1 << SHORT_BLOCK_BITS

class BitWriter {
  readonly #bytes: number[] = []
  #current = 0
  #used = 0

  write(value: number, bits: number): void {
    this.#current |= value << this.#used
    this.#used += bits
    while (this.#used >= 8) {
      this.#bytes.push(this.#current & 0xff)
      this.#current >>>= 8
      this.#used -= 8
    }
  }

  finish(): Uint8Array {
    if (this.#used > 0) this.#bytes.push(this.#current & 0xff)
    while (this.#bytes[this.#bytes.length - 1] === 0) this.#bytes.pop()
    return Uint8Array.from(this.#bytes)
  }
}

class BitReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length * 8
  }

  /** The next bits, lowest first; beyond the end they are zero, as the encoder drops trailing zero bytes. */
  read(bits: number): number {
    const byte = this.#at >>> 3
    const window = (this.#bytes[byte] ?? 0) | ((this.#bytes[byte + 1] ?? 0) << 8)
    const value = (window >>> (this.#at & 7)) & ((1 << bits) - 1)
    this.#at += bits
    return value
  }
}

/** Encodes run lengths whose first run is of zeros (may be 0); no runs are no bytes. */
export function encodeRlePlus(runs: readonly number[]): Uint8Array {
  const from = runs[0] === 0 ? 1 : 0
  if (runs.length <= from) return new Uint8Array()
  const writer = new BitWriter()
  writer.write(VERSION, 2)
  writer.write(from, 1)
  for (let index = from; index < runs.length; index++) writeBlock(writer, runs[index]!)
  return writer.finish()
}

function writeBlock(writer: BitWriter, length: number): void {
  if (length === 1) {
    writer.write(0b1, 1)
  } else if (length < SHORT_BLOCK_LIMIT) {
    writer.write(0b10, 2)
    writer.write(length, SHORT_BLOCK_BITS)
  } else {
    writer.write(0b00, 2)
    let rest = length
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) writer.write((rest % 0x80) | 0x80, 8)
    writer.write(rest, 8)
  }
}

/** Run lengths, the first one of zeros. Throws a RangeError that says what is wrong with the bytes. */
export function decodeRlePlus(bytes: Uint8Array): number[] {
  if (bytes.length === 0) return []
  if (bytes[bytes.length - 1] === 0) throw new RangeError('RLE+: a zero byte at the end (not minimally encoded)')
  const reader = new BitReader(bytes)
  const version = reader.read(2)
  if (version !== VERSION) throw new RangeError(`RLE+: version ${version}, expected ${VERSION}`)
  const runs = reader.read(1) === 1 ? [0] : []
  let total = 0
  while (!reader.done) {
    const length = readBlock(reader)
    // Only the unused bits of the last byte may read as a run of nothing.
    if (length === 0 && !reader.done) throw new RangeError(`RLE+: run ${runs.length} has length 0`)
    if (length === 0) break
    total += length
    if (!Number.isSafeInteger(total)) throw new RangeError(`RLE+: run ${runs.length} reaches beyond 2^53−1`)
    runs.push(length)
  }
  if (!bytesEqual(encodeRlePlus(runs), bytes)) throw new RangeError('RLE+: not minimally encoded')
  // A last run of zeros has no members to tell of, and the encoder never writes one.
  if (runs.length % 2 === 1) throw new RangeError('RLE+: ends with a run of zeros (not minimally encoded)')
  return runs
}

function readBlock(reader: BitReader): number {
  if (reader.read(1) === 1) return 1
  if (reader.read(1) === 1) return reader.read(SHORT_BLOCK_BITS)
  let [value, factor] = [0, 1]
  for (;;) {
    const byte = reader.read(8)
    value += (byte & 0x7f) * factor
    if (!Number.isSafeInteger(value)) throw new RangeError('RLE+: a run reaches beyond 2^53−1')
    if (byte < 0x80) return value
    factor *= 0x80
  }
}
