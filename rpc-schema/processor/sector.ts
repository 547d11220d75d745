import { z } from 'zod'
import { Commitment } from '../wire/bytes.js'
import { ActorId, SectorNumber, UnpaddedPieceSize } from '../wire/numbers.js'
import { SealProofName } from '../wire/proof-types.js'

/** A piece in a sector: its commitment and its unpadded bytes. */
export const PieceInfo = z.object({ commitment: Commitment, size: UnpaddedPieceSize })
export type PieceInfo = z.infer<typeof PieceInfo>

/** The payload of the miner's ID address, padded with zeros to 32 bytes. */
export const ProverId = Commitment

/** Which sector with which proof; a processor's `sector_id` is the number of the sector within its miner. */
export const sectorFields = { prover_id: ProverId, sector_id: SectorNumber }

export const RegisteredProof = SealProofName
export const MinerId = ActorId

/** Files and directories are absolute paths on the host of the child. */
export const Path = z.string()

/** Prover id of a miner: LEB128 of the actor id, then zeros. */
export function proverId(miner: number): Uint8Array {
  const id = new Uint8Array(32)
  let rest = BigInt(miner)
  let at = 0
  for (; rest >= 0x80n; rest >>= 7n) id[at++] = Number(rest & 0x7fn) | 0x80
  id[at] = Number(rest)
  return id
}
