import { sha256 } from '@noble/hashes/sha2.js'
import type { CID } from 'multiformats/cid'
import { z } from 'zod'
import { CidJson, cidToCommD, commDToCid } from './cid.js'
import { isPaddedPieceSize, PaddedPieceSize } from './numbers.js'

/** A piece as it lies in a sector: padded size and commitment. */
export const PieceInfo = z.object({ Size: PaddedPieceSize, PieceCID: CidJson })
export type PieceInfo = z.output<typeof PieceInfo>

const NODE_BYTES = 32

/** Parent of two nodes of a piece tree: sha256 with the two top bits cleared, so that it is a field element. */
export function joinCommitments(left: Uint8Array, right: Uint8Array): Uint8Array {
  const both = new Uint8Array(2 * NODE_BYTES)
  both.set(left)
  both.set(right, NODE_BYTES)
  const parent = sha256(both)
  parent[NODE_BYTES - 1]! &= 0x3f
  return parent
}

/** Roots of all-zero trees by height; height 0 is one node. Grows as asked. */
const zeroRoots: Uint8Array[] = [new Uint8Array(NODE_BYTES)]

/** Commitment of a piece of zeros. Throws a RangeError unless `size` is a power of two of at least 128 bytes. */
export function zeroPieceCommitment(size: PaddedPieceSize): Uint8Array {
  if (!isPaddedPieceSize(size)) throw new RangeError(`piece size ${size} is not a power of two of at least 128 bytes`)
  const height = Math.log2(size / NODE_BYTES)
  while (zeroRoots.length <= height) {
    const below = zeroRoots[zeroRoots.length - 1]!
    zeroRoots.push(joinCommitments(below, below))
  }
  return zeroRoots[height]!.slice()
}

/** CID of a piece of zeros, the only piece that may fill a sector without a deal. */
export const zeroPieceCid = (size: PaddedPieceSize): CID => commDToCid(zeroPieceCommitment(size))

interface Subtree {
  readonly size: number
  readonly root: Uint8Array
}

/**
 * Commitment (comm_d) of a sector with these pieces, in this order. Every piece is aligned to its own size and the gaps, as well as
 * the rest of the sector, are filled with zero pieces. No pieces give the commitment of an empty sector.
 * Throws a RangeError for pieces that do not fit or are no pieces.
 */
export function computeUnsealedCommitment(sectorSize: PaddedPieceSize, pieces: readonly PieceInfo[]): Uint8Array {
  if (!isPaddedPieceSize(sectorSize))
    throw new RangeError(`sector size ${sectorSize} is not a power of two of at least 128 bytes`)
  // Sizes fall strictly from bottom to top, so neighbours can be joined as soon as they are equal.
  const stack: Subtree[] = []
  let used = 0
  const push = (subtree: Subtree) => {
    used += subtree.size
    let { size, root } = subtree
    for (let below = stack.at(-1); below !== undefined && below.size === size; below = stack.at(-1)) {
      stack.pop()
      root = joinCommitments(below.root, root)
      size *= 2
    }
    stack.push({ size, root })
  }
  const fillWhile = (unfinished: (top: Subtree) => boolean) => {
    for (let top = stack.at(-1); top !== undefined && unfinished(top); top = stack.at(-1)) {
      push({ size: top.size, root: zeroPieceCommitment(top.size) })
    }
  }
  for (const [index, { Size, PieceCID }] of pieces.entries()) {
    if (!isPaddedPieceSize(Size))
      throw new RangeError(`piece ${index}: size ${Size} is not a power of two of at least 128 bytes`)
    fillWhile(top => top.size < Size)
    push({ size: Size, root: cidToCommD(PieceCID) })
    if (used > sectorSize)
      throw new RangeError(`piece ${index}: the pieces need ${used} bytes, the sector has ${sectorSize}`)
  }
  fillWhile(top => top.size < sectorSize)
  return stack[0]?.root ?? zeroPieceCommitment(sectorSize)
}

/** {@link computeUnsealedCommitment} as a CID. */
export const computeUnsealedCid = (sectorSize: PaddedPieceSize, pieces: readonly PieceInfo[]): CID =>
  commDToCid(computeUnsealedCommitment(sectorSize, pieces))
