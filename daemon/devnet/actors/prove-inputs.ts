import { EXIT_CODES } from '../../../rpc-schema/actors/exit-codes.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { address } from '../../../rpc-schema/wire/cbor.js'
import { cidToCommD, cidToCommR } from '../../../rpc-schema/wire/cid.js'
import { zeroPieceCommitment } from '../../../rpc-schema/wire/piece.js'
import { sealProof } from '../../../rpc-schema/wire/proof-types.js'
import { DomainSeparationTag } from '../../../rpc-schema/wire/randomness.js'
import { maxProveCommitDuration, POLICY } from '../chain/policy.js'
import type { AggregateToVerify } from '../proofs.js'
import { type PreCommitRecord, preCommits } from '../state/records.js'
import { forbidden, illegalArgument, illegalState, notFound } from '../vm/abort.js'
import type { Call, Machine } from '../vm/machine.js'

/** Public inputs of a seal proof. */
export type SealInputs = AggregateToVerify['sectors'][number]

/** The pre-commits of these sectors, in this order. Fails when one does not exist. */
export function loadPreCommits({ draft, to }: Call, numbers: readonly number[]): PreCommitRecord[] {
  return numbers.map(number => {
    const preCommit = preCommits.get(draft, to, number)
    if (preCommit === undefined) throw notFound(`sector ${number} not found`)
    return preCommit
  })
}

export interface ProveInputs {
  /** Exit code of each sector: 0, or why it cannot be proven now. */
  readonly codes: readonly number[]
  /** Of every sector, also of those that failed: an aggregated proof needs them as witnesses. */
  readonly seals: readonly SealInputs[]
}

/** Whether these pre-commits can be proven in this epoch, and what their proofs must be about. */
export async function proveInputs(
  machine: Machine,
  miner: number,
  found: readonly PreCommitRecord[],
  allOrNothing: boolean,
): Promise<ProveInputs> {
  const codes: number[] = []
  const seals: SealInputs[] = []
  const entropy = address.encode(Address.fromId(miner))
  for (const preCommit of found) {
    if (preCommit.sealProof !== found[0]!.sealProof) {
      throw illegalState(
        `seal proof group for verification contains mismatched seal proofs ${found[0]!.sealProof} and ${preCommit.sealProof}`,
      )
    }
    const seedEpoch = preCommit.epoch + machine.challengeDelay
    if (machine.epoch <= seedEpoch) throw forbidden('too early to prove sector')
    const [ticket, seed] = await Promise.all([
      machine.randomness.fromTickets(DomainSeparationTag.SealRandomness, preCommit.ticketEpoch, entropy),
      machine.randomness.fromBeacon(DomainSeparationTag.InteractiveSealChallengeSeed, seedEpoch, entropy),
    ])
    seals.push({
      number: preCommit.number,
      ticket,
      seed,
      commR: cidToCommR(preCommit.sealedCid),
      commD: unsealedCommitment(preCommit),
    })
    const late = machine.epoch > preCommit.epoch + maxProveCommitDuration(machine.challengeDelay)
    if (late && allOrNothing) {
      throw illegalArgument(`invalid pre-commit of sector ${preCommit.number} while requiring activation success`)
    }
    codes.push(late ? EXIT_CODES.ErrIllegalArgument : EXIT_CODES.Ok)
  }
  return { codes, seals }
}

/** comm_d that was pre-committed; none stands for a sector of zeros. */
export const unsealedCommitment = ({ unsealedCid, sealProof: proof }: PreCommitRecord): Uint8Array =>
  unsealedCid === null ? zeroPieceCommitment(sealProof(proof).sectorSize) : cidToCommD(unsealedCid)

/** Bounds of an aggregated proof. */
export function checkAggregate(proof: Uint8Array, sectors: number): void {
  const { minAggregatedSectors: min, maxAggregatedSectors: max, maxAggregatedProofBytes } = POLICY
  if (sectors > max) throw illegalArgument(`too many sectors addressed, addressed ${sectors} want <= ${max}`)
  if (sectors < min) throw illegalArgument(`too few sectors addressed, addressed ${sectors} want >= ${min}`)
  if (proof.length > maxAggregatedProofBytes) {
    throw illegalArgument(
      `sector prove-commit proof of size ${proof.length} exceeds max size of ${maxAggregatedProofBytes}`,
    )
  }
}

/** SnarkPack V2, the only one that is taken. */
export const SNARK_PACK_V2 = 1

export async function checkAggregateProof(
  machine: Machine,
  miner: number,
  proofType: number,
  seals: readonly SealInputs[],
  proof: Uint8Array,
): Promise<void> {
  const aggregate = { sealProof: proofType, miner, aggregateProof: SNARK_PACK_V2, proof, sectors: seals }
  if (!(await machine.verifier.verifyAggregate(aggregate))) throw illegalArgument('aggregate seal verify failed')
}
