import { blake2b } from '@noble/hashes/blake2.js'

/** What a draw of randomness is for; part of the hash, so that draws for different purposes never coincide. */
export const DomainSeparationTag = {
  TicketProduction: 1,
  ElectionProofProduction: 2,
  WinningPoStChallengeSeed: 3,
  WindowedPoStChallengeSeed: 4,
  SealRandomness: 5,
  InteractiveSealChallengeSeed: 6,
  WindowedPoStDeadlineAssignment: 7,
  MarketDealCronSeed: 8,
  PoStChainCommit: 9,
} as const
export type DomainSeparationTag = (typeof DomainSeparationTag)[keyof typeof DomainSeparationTag]

const digest = (bytes: Uint8Array): Uint8Array => blake2b(bytes, { dkLen: 32 })

/**
 * 32 bytes of randomness: blake2b-256 over tag, digest of the base, epoch (both numbers as 64 bit big endian) and entropy
 * (https://spec.filecoin.io/#section-algorithms.crypto.randomness).
 * @param base a beacon entry or a ticket's VRF proof
 * @param entropy the CBOR of the miner's ID address for most tags, nothing for PoStChainCommit
 */
export function drawRandomness(base: Uint8Array, tag: number, epoch: number, entropy: Uint8Array): Uint8Array {
  return drawRandomnessFromDigest(digest(base), tag, epoch, entropy)
}

/** {@link drawRandomness} when only the digest of the base is known (StateGetRandomnessDigestFrom…). */
export function drawRandomnessFromDigest(
  baseDigest: Uint8Array,
  tag: number,
  epoch: number,
  entropy: Uint8Array,
): Uint8Array {
  if (baseDigest.length !== 32) throw new RangeError(`digest of randomness has ${baseDigest.length} bytes, expected 32`)
  const input = new Uint8Array(8 + 32 + 8 + entropy.length)
  const view = new DataView(input.buffer)
  view.setBigInt64(0, BigInt(tag))
  input.set(baseDigest, 8)
  view.setBigInt64(40, BigInt(epoch))
  input.set(entropy, 48)
  return digest(input)
}
