import { BatchReturn, batchReturn } from '../../../rpc-schema/actors/batch-return.js'
import { EXIT_CODES } from '../../../rpc-schema/actors/exit-codes.js'
import {
  ProveReplicaUpdates3Params,
  type SectorUpdateManifest,
} from '../../../rpc-schema/actors/miner-replica-update.js'
import { cidToCommR, isSealedCid } from '../../../rpc-schema/wire/cid.js'
import { computeUnsealedCommitment } from '../../../rpc-schema/wire/piece.js'
import { sealProof } from '../../../rpc-schema/wire/proof-types.js'
import { POLICY } from '../chain/policy.js'
import { availableBalance, miners, partitions, type SectorRecord, sectors } from '../state/records.js'
import { type ActorAbort, decodeParams, illegalArgument, insufficientFunds, notFound } from '../vm/abort.js'
import type { Call, Machine } from '../vm/machine.js'
import { dailyFee, initialPledge, qualityAdjustedPower } from './economics.js'
import { activeSectors, liveSectors } from './partition.js'
import { checkCaller } from './precommit.js'
import { isMutable } from './proving-period.js'
import { replaceSector } from './proving-set.js'
import { notifyReceivers } from './receivers.js'
import { Stages } from './stages.js'
import { claimAllocations } from './verified-registry.js'

/** One sector on its way through the message. */
interface Updating {
  readonly update: SectorUpdateManifest
  readonly sector: SectorRecord
  readonly proof: Uint8Array
}

/**
 * Method 35: puts data into active sectors that have none. Unless success is required, a sector that fails does not hold back the others;
 * the return value tells of each.
 */
export async function proveReplicaUpdates(machine: Machine, call: Call): Promise<Uint8Array> {
  const params = decodeParams(ProveReplicaUpdates3Params, call.params)
  const { SectorUpdates: updates, SectorProofs: proofs, RequireActivationSuccess: allOrNothing } = params
  checkCaller(miners.get(call.draft, call.to)!, call.from)
  checkShape(params)
  const stages = new Stages(
    updates.map((update, at): Updating => {
      const sector = sectors.get(call.draft, call.to, update.Sector)
      if (sector === undefined) throw notFound(`sector ${update.Sector} not found`)
      return { update, sector, proof: proofs[at]! }
    }),
  )
  const stage = (refusals: readonly (ActorAbort | undefined)[], noneLeft: string): void => {
    const first = refusals.find(refusal => refusal !== undefined)
    if (allOrNothing && first !== undefined) throw first
    stages.record(refusals.map(refusal => refusal?.exitCode ?? EXIT_CODES.Ok))
    if (stages.passed.length === 0) throw illegalArgument(noneLeft)
  }
  const seen = new Set<number>()
  stage(
    stages.passed.map(updating => refusalOf(machine, call, params.UpdateProofsType, updating, seen)),
    'no valid updates',
  )
  stage(
    await Promise.all(stages.passed.map(updating => proofRefusal(machine, params.UpdateProofsType, updating))),
    'no valid updates',
  )
  const claimed = claimAllocations(
    machine,
    call,
    stages.passed.map(({ update, sector }) => ({
      number: sector.number,
      expiration: sector.expiration,
      pieces: update.Pieces,
    })),
    allOrNothing,
  )
  stages.record(claimed.map(({ code }) => code))
  if (stages.passed.length === 0) throw illegalArgument('all data activations failed')
  const verified = claimed.filter(({ code }) => code === EXIT_CODES.Ok)
  for (const [at, updating] of stages.passed.entries()) apply(machine, call, updating, verified[at]!.verifiedBytes)
  const available = availableBalance(call.draft, call.to)
  if (available < 0n) {
    throw insufficientFunds(`insufficient funds for the pledge of the updates, ${-available} attoFIL are missing`)
  }
  notifyReceivers(
    machine,
    call,
    stages.passed.map(({ update, sector }) => ({
      number: sector.number,
      expiration: sector.expiration,
      pieces: update.Pieces,
    })),
    params.RequireNotificationSuccess,
  )
  return BatchReturn.encode(batchReturn(stages.codes))
}

/** One proof a sector: updates cannot be aggregated. */
function checkShape(params: ProveReplicaUpdates3Params): void {
  const { SectorUpdates: updates, SectorProofs: proofs, AggregateProof, AggregateProofType } = params
  if ((proofs.length === 0) === (AggregateProof.length === 0)) {
    throw illegalArgument('exactly one of sector proofs or aggregate proof must be non-empty')
  }
  if (proofs.length === 0) throw illegalArgument('aggregate update proofs not yet supported')
  if (AggregateProofType !== null) throw illegalArgument('aggregate proof type must be null with batched proofs')
  if (proofs.length !== updates.length) {
    throw illegalArgument(`mismatched lengths: ${updates.length} sector updates, ${proofs.length} proofs`)
  }
  if (updates.length > POLICY.maxReplicaUpdateBatch) {
    throw illegalArgument(`too many updates (${updates.length} > ${POLICY.maxReplicaUpdateBatch})`)
  }
}

/** Why this sector cannot be updated in this epoch; nothing when it can. */
function refusalOf(
  { epoch, deadlines }: Machine,
  { draft, to }: Call,
  proofType: number,
  { update, sector, proof }: Updating,
  seen: Set<number>,
): ActorAbort | undefined {
  const { Sector: number, Deadline: deadline, Partition: index, NewSealedCID } = update
  const skipping = `skipping sector ${number}`
  if (seen.has(number)) return illegalArgument(`duplicate, ${skipping}`)
  seen.add(number)
  if (proof.length > POLICY.maxReplicaUpdateProofBytes) {
    return illegalArgument(`update proof is too large (${proof.length}), ${skipping}`)
  }
  if (deadline >= deadlines.WPoStPeriodDeadlines) {
    return illegalArgument(`deadline ${deadline} not in range 0..${deadlines.WPoStPeriodDeadlines}, ${skipping}`)
  }
  if (!isSealedCid(NewSealedCID)) return illegalArgument(`new sealed CID had wrong prefix, ${skipping}`)
  if (!isMutable(miners.get(draft, to)!, deadline, epoch, deadlines)) {
    return illegalArgument(`cannot upgrade sectors in immutable deadline ${deadline}, ${skipping}`)
  }
  const partition = partitions.get(draft, to, deadline, index)
  if (partition === undefined || !partition.sectors.has(number)) {
    return notFound(`sector ${number} is not in partition ${index} of deadline ${deadline}`)
  }
  if (!liveSectors(partition).has(number)) return notFound(`sector ${number} has ended`)
  if (!activeSectors(partition).has(number)) return illegalArgument(`sector isn't active, ${skipping}`)
  if (sector.expiration <= epoch) return illegalArgument(`sector expired at ${sector.expiration}, ${skipping}`)
  if (sector.dealWeight + sector.verifiedDealWeight !== 0n) {
    return illegalArgument(`cannot update sector with non-zero data, ${skipping}`)
  }
  const expected = sealProof(sector.sealProof).update
  if (proofType !== expected) return illegalArgument(`expected update proof type ${expected}, got ${proofType}`)
  return undefined
}

async function proofRefusal(
  { verifier }: Machine,
  proofType: number,
  { update, sector, proof }: Updating,
): Promise<ActorAbort | undefined> {
  const valid = await verifier.verifyUpdate({
    updateProof: proofType,
    commROld: cidToCommR(sector.sealedCid),
    commRNew: cidToCommR(update.NewSealedCID),
    commDNew: unsealedCommitmentOf(update, sector),
    proof,
  })
  return valid ? undefined : illegalArgument(`invalid replica update proof for sector ${sector.number}`)
}

/** comm_d of the pieces, in their order. Pieces that do not make up a sector fail the whole message. */
function unsealedCommitmentOf({ Pieces }: SectorUpdateManifest, sector: SectorRecord): Uint8Array {
  try {
    return computeUnsealedCommitment(
      sealProof(sector.sealProof).sectorSize,
      Pieces.map(({ CID, Size }) => ({ PieceCID: CID, Size })),
    )
  } catch (error) {
    throw illegalArgument(
      `failed to compute unsealed sector CID of sector ${sector.number}: ${(error as Error).message}`,
    )
  }
}

/** The sector with its data. Its pledge never shrinks. */
function apply(machine: Machine, { draft, to }: Call, { update, sector }: Updating, verifiedBytes: number): void {
  const { epoch, deadlines } = machine
  const { sectorSize } = miners.get(draft, to)!
  const power = qualityAdjustedPower(sectorSize, verifiedBytes)
  const pledge = initialPledge(power)
  const duration = BigInt(sector.expiration - epoch)
  const unverifiedBytes = update.Pieces.reduce(
    (sum, piece) => (piece.VerifiedAllocationKey === null ? sum + piece.Size : sum),
    0,
  )
  replaceSector(draft, to, deadlines, {
    ...sector,
    sealedCid: update.NewSealedCID,
    sectorKeyCid: sector.sectorKeyCid ?? sector.sealedCid,
    powerBaseEpoch: epoch,
    dealWeight: BigInt(unverifiedBytes) * duration,
    verifiedDealWeight: BigInt(verifiedBytes) * duration,
    initialPledge: larger(pledge, sector.initialPledge),
    dailyFee: dailyFee(power),
  })
}

const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b)
