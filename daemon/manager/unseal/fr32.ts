/** Fr32: of every 32 bytes in a sector the two highest bits are empty, so that 128 bytes hold 127 of a piece. */
const PADDED = 128
const UNPADDED = 127
/** Where the content of each 32 bytes begins among the 127: byte and bit (254 bits apart). */
const PLACES = [
  [0, 0],
  [31, 6],
  [63, 4],
  [95, 2],
] as const

/** The content of padded bytes. Throws a RangeError unless their number is a multiple of 128. */
export function unpadFr32(padded: Uint8Array): Uint8Array {
  if (padded.length % PADDED !== 0) throw new RangeError(`${padded.length} bytes are not a multiple of ${PADDED}`)
  const content = new Uint8Array((padded.length / PADDED) * UNPADDED)
  for (let from = 0, to = 0; from < padded.length; from += PADDED, to += UNPADDED) {
    for (const [word, [byte, bit]] of PLACES.entries()) {
      for (let at = 0; at < 32; at++) {
        const value = padded[from + 32 * word + at]!
        const place = to + byte + at
        content[place] = content[place]! | (value << bit)
        // The last byte of a word has its two highest bits empty: nothing goes over the end.
        if (bit > 0 && byte + at + 1 < UNPADDED) content[place + 1] = content[place + 1]! | (value >> (8 - bit))
      }
    }
  }
  return content
}
