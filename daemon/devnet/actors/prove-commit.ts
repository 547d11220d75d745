import { BatchReturn, batchReturn } from '../../../rpc-schema/actors/batch-return.js'
import { EXIT_CODES } from '../../../rpc-schema/actors/exit-codes.js'
import {
  ProveCommitSectors3Params,
  type SectorActivationManifest,
} from '../../../rpc-schema/actors/miner-prove-commit.js'
import { bytesEqual } from '../../../rpc-schema/wire/bytes.js'
import { computeUnsealedCommitment } from '../../../rpc-schema/wire/piece.js'
import { sealProof } from '../../../rpc-schema/wire/proof-types.js'
import { miners, type PreCommitRecord } from '../state/records.js'
import { decodeParams, illegalArgument } from '../vm/abort.js'
import type { Call, Machine } from '../vm/machine.js'
import { activateSectors } from './activation.js'
import { payBatchFee } from './batch-fee.js'
import { checkCaller } from './precommit.js'
import {
  checkAggregate,
  checkAggregateProof,
  loadPreCommits,
  proveInputs,
  type SealInputs,
  SNARK_PACK_V2,
  unsealedCommitment,
} from './prove-inputs.js'
import { notifyReceivers } from './receivers.js'
import { Stages } from './stages.js'
import { claimAllocations } from './verified-registry.js'

/** One sector on its way through the message. */
interface Proving {
  readonly activation: SectorActivationManifest
  readonly preCommit: PreCommitRecord
  readonly seal: SealInputs
  /** Its own proof; nothing when the proofs are aggregated. */
  readonly proof: Uint8Array | undefined
}

/**
 * Method 34: proves pre-committed sectors and activates them with their data. Unless success is required, a sector that fails does not
 * hold back the others; the return value tells of each.
 */
export async function proveCommitSectors(machine: Machine, call: Call): Promise<Uint8Array> {
  const params = decodeParams(ProveCommitSectors3Params, call.params)
  const { SectorActivations: activations, SectorProofs: proofs, RequireActivationSuccess: allOrNothing } = params
  checkCaller(miners.get(call.draft, call.to)!, call.from)
  const found = loadPreCommits(
    call,
    activations.map(activation => activation.SectorNumber),
  )
  if (found.length === 0) throw illegalArgument('no sectors to prove')
  checkShape(params, found[0]!)

  const { codes, seals } = await proveInputs(machine, call.to, found, allOrNothing)
  const stages = new Stages(
    activations.map(
      (activation, at): Proving => ({ activation, preCommit: found[at]!, seal: seals[at]!, proof: proofs[at] }),
    ),
  )
  const stage = (codes: readonly number[], noneLeft: string): void => {
    stages.record(codes)
    if (stages.passed.length === 0) throw illegalArgument(noneLeft)
  }
  stage(codes, 'no valid precommits specified')
  if (proofs.length > 0)
    stage(await proofCodes(machine, call.to, stages.passed, allOrNothing), 'no valid proofs specified')
  else await checkAggregateProof(machine, call.to, found[0]!.sealProof, seals, params.AggregateProof)

  for (const proving of stages.passed) checkUnsealed(proving)
  const claimed = claimAllocations(
    machine,
    call,
    stages.passed.map(({ activation, preCommit }) => ({
      number: preCommit.number,
      expiration: preCommit.expiration,
      pieces: activation.Pieces,
    })),
    allOrNothing,
  )
  stage(
    claimed.map(({ code }) => code),
    'all data activations failed',
  )
  const verified = claimed.filter(({ code }) => code === EXIT_CODES.Ok)
  activateSectors(
    machine,
    call,
    stages.passed.map(({ activation, preCommit }, at) => ({
      preCommit,
      verifiedBytes: verified[at]!.verifiedBytes,
      unverifiedBytes: activation.Pieces.filter(piece => piece.VerifiedAllocationKey === null).reduce(
        (sum, piece) => sum + piece.Size,
        0,
      ),
    })),
  )
  if (proofs.length === 0) payBatchFee(machine, call, 'gasPerProveCommit', stages.passed.length)
  notifyReceivers(
    machine,
    call,
    stages.passed.map(({ activation, preCommit }) => ({
      number: preCommit.number,
      expiration: preCommit.expiration,
      pieces: activation.Pieces,
    })),
    params.RequireNotificationSuccess,
  )
  return BatchReturn.encode(batchReturn(stages.codes))
}

/** Either one proof a sector, or one aggregated proof. */
function checkShape(params: ReturnType<typeof ProveCommitSectors3Params.decode>, first: PreCommitRecord): void {
  const { SectorActivations: activations, SectorProofs: proofs, AggregateProof, AggregateProofType } = params
  if ((proofs.length === 0) === (AggregateProof.length === 0)) {
    throw illegalArgument('exactly one of sector proofs or aggregate proof must be non-empty')
  }
  if (proofs.length === 0) {
    if (AggregateProofType !== SNARK_PACK_V2) throw illegalArgument('aggregate proof type must be SnarkPackV2')
    checkAggregate(AggregateProof, activations.length)
    return
  }
  if (AggregateProofType !== null) throw illegalArgument('aggregate proof type must be null with batched proofs')
  if (proofs.length !== activations.length) {
    throw illegalArgument(`mismatched lengths: ${activations.length} sector activations, ${proofs.length} proofs`)
  }
  const limit = sealProof(first.sealProof).sealProofBytes
  for (const proof of proofs) {
    if (proof.length > limit) throw illegalArgument(`sector proof size ${proof.length} exceeds max ${limit}`)
  }
}

async function proofCodes(
  machine: Machine,
  miner: number,
  sectors: readonly Proving[],
  allOrNothing: boolean,
): Promise<number[]> {
  const valid = await Promise.all(
    sectors.map(({ seal, preCommit, proof }) =>
      machine.verifier.verifySeal({ ...seal, sealProof: preCommit.sealProof, miner, proof: proof! }),
    ),
  )
  return valid.map((ok, at) => {
    if (!ok && allOrNothing) {
      throw illegalArgument(
        `invalid proof for sector ${sectors[at]!.preCommit.number} while requiring activation success`,
      )
    }
    return ok ? EXIT_CODES.Ok : EXIT_CODES.ErrIllegalArgument
  })
}

/** The pieces must make up the data that was pre-committed; no pieces are a sector of zeros. */
function checkUnsealed({ activation, preCommit }: Proving): void {
  let computed: Uint8Array
  try {
    const { sectorSize } = sealProof(preCommit.sealProof)
    computed = computeUnsealedCommitment(
      sectorSize,
      activation.Pieces.map(({ CID, Size }) => ({ PieceCID: CID, Size })),
    )
  } catch (error) {
    throw illegalArgument(`failed to compute unsealed sector CID: ${(error as Error).message}`)
  }
  if (!bytesEqual(computed, unsealedCommitment(preCommit))) {
    throw illegalArgument(`unsealed CID does not match pieces for sector ${preCommit.number}`)
  }
}
