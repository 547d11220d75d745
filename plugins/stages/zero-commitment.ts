import { sha256 } from '@noble/hashes/sha2.js'

const NODE_BYTES = 32

/** Commitment of `paddedBytes` (a power of two, at least 32) of zeros: the root of a SHA-256 tree whose digests lose their two top bits. */
export function zeroCommitment(paddedBytes: number): Uint8Array {
  let node: Uint8Array = new Uint8Array(NODE_BYTES)
  for (let bytes = NODE_BYTES; bytes < paddedBytes; bytes *= 2) {
    node = sha256(Uint8Array.from([...node, ...node]))
    node[NODE_BYTES - 1]! &= 0x3f
  }
  return node
}
