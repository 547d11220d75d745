import { PreCommitSectorBatch2Params, type SectorPreCommitInfo } from '../../../rpc-schema/actors/miner-precommit.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import { isPieceCid, isSealedCid } from '../../../rpc-schema/wire/cid.js'
import { SEAL_PROOFS } from '../../../rpc-schema/wire/proof-types.js'
import { canPreCommit, maxProveCommitDuration, POLICY, windowPoStOf } from '../chain/policy.js'
import { availableBalance, type MinerRecord, miners, preCommits } from '../state/records.js'
import { decodeParams, forbidden, illegalArgument, insufficientFunds } from '../vm/abort.js'
import type { Call, Machine } from '../vm/machine.js'
import { payBatchFee } from './batch-fee.js'
import { preCommitDeposit } from './economics.js'

/** Method 28: takes a deposit for each of these sectors and waits for their proofs. All of them or none. */
export function preCommitSectors(machine: Machine, call: Call): Uint8Array {
  const { Sectors: infos } = decodeParams(PreCommitSectorBatch2Params, call.params)
  const { draft, to } = call
  if (infos.length === 0) throw illegalArgument('batch empty')
  if (infos.length > POLICY.maxPreCommitBatch) {
    throw illegalArgument(`batch of ${infos.length} too large, max ${POLICY.maxPreCommitBatch}`)
  }
  const numbers = new Set<number>()
  for (const info of infos) {
    if (numbers.has(info.SectorNumber)) throw illegalArgument(`duplicate sector number ${info.SectorNumber}`)
    numbers.add(info.SectorNumber)
    checkInfo(machine, info)
  }
  const miner = miners.get(draft, to)!
  checkCaller(miner, call.from)
  for (const info of infos) checkProofType(miner, info)

  if (infos.length > 1) payBatchFee(machine, call, 'gasPerPreCommit', infos.length)
  const available = availableBalance(draft, to)
  const deposit = preCommitDeposit(miner.sectorSize)
  const total = deposit * BigInt(infos.length)
  if (available < total) {
    throw insufficientFunds(`insufficient funds ${available} for pre-commit deposit: ${total}`)
  }
  const wanted = Bitfield.of(numbers)
  const taken = wanted.intersect(miner.allocated)
  if (!taken.isEmpty) throw illegalArgument(`sector numbers already allocated: ${taken.toArray().join(', ')}`)

  for (const info of infos) {
    preCommits.put(
      draft,
      {
        sealProof: info.SealProof,
        number: info.SectorNumber,
        sealedCid: info.SealedCID,
        ticketEpoch: info.SealRandEpoch,
        expiration: info.Expiration,
        unsealedCid: info.UnsealedCid,
        deposit,
        epoch: machine.epoch,
      },
      to,
      info.SectorNumber,
    )
  }
  miners.put(
    draft,
    {
      ...miner,
      preCommitDeposits: miner.preCommitDeposits + total,
      allocated: miner.allocated.union(wanted),
      preCommitted: miner.preCommitted.union(wanted),
      nextCleanUp: Math.min(miner.nextCleanUp ?? Number.MAX_SAFE_INTEGER, cleanUpEpoch(machine, machine.epoch)),
    },
    to,
  )
  return new Uint8Array()
}

/** First epoch in which an unproven pre-commit is gone, and its deposit with it. */
export const cleanUpEpoch = (machine: Pick<Machine, 'challengeDelay'>, preCommitEpoch: number): number =>
  preCommitEpoch + maxProveCommitDuration(machine.challengeDelay) + POLICY.expiredPreCommitCleanUpDelay

/** Owner, worker and control addresses may act for a miner. */
export function checkCaller(miner: MinerRecord, from: number): void {
  if (from !== miner.owner && from !== miner.worker && !miner.controls.includes(from)) {
    throw forbidden(`caller f0${from} is not one of supported`)
  }
}

/** What can be said of a pre-commit without knowing the miner. */
function checkInfo({ epoch, challengeDelay }: Machine, info: SectorPreCommitInfo): void {
  const { SealProof, SealedCID, SealRandEpoch, Expiration, UnsealedCid, DealIDs } = info
  if (!canPreCommit(SealProof)) throw illegalArgument(`unsupported seal proof type ${SealProof}`)
  if (!isSealedCid(SealedCID)) throw illegalArgument('sealed CID had wrong prefix')
  if (SealRandEpoch >= epoch) throw illegalArgument(`seal challenge epoch ${SealRandEpoch} must be before now ${epoch}`)
  const earliest = epoch - POLICY.maxPreCommitRandomnessLookback
  if (SealRandEpoch < earliest) {
    throw illegalArgument(`seal challenge epoch ${SealRandEpoch} too old, must be after ${earliest}`)
  }
  if (UnsealedCid !== null && !isPieceCid(UnsealedCid)) throw illegalArgument('unsealed CID had wrong prefix')
  // This network has no deals of the built-in market.
  if (DealIDs.length > 0) throw illegalArgument(`failed to get deal ${DealIDs[0]}: no such deal`)
  checkExpiration(epoch, epoch + maxProveCommitDuration(challengeDelay), Expiration)
}

/** Bounds of an expiration for a sector that is active from `activation` on. */
function checkExpiration(epoch: number, activation: number, expiration: number): void {
  const { minSectorExpiration, maxSectorExpirationExtension, maxSectorLifetime } = POLICY
  const lifetime = expiration - activation
  if (lifetime <= 0) throw illegalArgument(`sector expiration ${expiration} must be after activation ${activation}`)
  if (lifetime < minSectorExpiration) {
    throw illegalArgument(
      `invalid expiration ${expiration}, total sector lifetime (${lifetime}) must exceed ${minSectorExpiration} after activation ${activation}`,
    )
  }
  if (expiration > epoch + maxSectorExpirationExtension) {
    throw illegalArgument(
      `invalid expiration ${expiration}, cannot be more than ${maxSectorExpirationExtension} past current epoch ${epoch}`,
    )
  }
  if (lifetime > maxSectorLifetime) {
    throw illegalArgument(
      `invalid expiration ${expiration}, total sector lifetime (${lifetime}) cannot exceed ${maxSectorLifetime} after activation ${activation}`,
    )
  }
}

function checkProofType(miner: MinerRecord, info: SectorPreCommitInfo): void {
  const windowPoSt = windowPoStOf(SEAL_PROOFS[info.SealProof]!)
  if (windowPoSt !== miner.windowPoStProof) {
    throw illegalArgument(
      `sector Window PoSt proof type ${windowPoSt} must match miner Window PoSt proof type ${miner.windowPoStProof} (seal proof type ${info.SealProof})`,
    )
  }
}
