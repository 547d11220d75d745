import {
  type ExpirationExtension2,
  ExtendSectorExpiration2Params,
  ExtendSectorExpirationParams,
  type SectorClaim,
} from '../../../rpc-schema/actors/miner-sectors.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import { POLICY } from '../chain/policy.js'
import { claims, miners, type SectorRecord, sectors } from '../state/records.js'
import { decodeParams, forbidden, illegalArgument, illegalState } from '../vm/abort.js'
import type { Call, Machine } from '../vm/machine.js'
import { checkDeadline, loadPartition } from './addressed-partitions.js'
import { checkCaller } from './precommit.js'
import { replaceSector } from './proving-set.js'

const NOTHING = new Uint8Array()

/** Verified bytes of a sector by the claims that a message names. */
interface ClaimedSpace {
  /** Of all of them: must be what the sector holds. */
  readonly declared: bigint
  readonly kept: bigint
}

/** Method 8: as method 32, without claims; so sectors with verified data are refused. */
export function extendSectorExpiration(machine: Machine, call: Call): Uint8Array {
  const { Extensions } = decodeParams(ExtendSectorExpirationParams, call.params)
  extend(
    machine,
    call,
    Extensions.map(extension => ({ ...extension, SectorsWithClaims: [] })),
  )
  return NOTHING
}

/** Method 32: lets sectors live longer; claims may be dropped near the end of the life they have. */
export function extendSectorExpiration2(machine: Machine, call: Call): Uint8Array {
  extend(machine, call, decodeParams(ExtendSectorExpiration2Params, call.params).Extensions)
  return NOTHING
}

function extend(machine: Machine, call: Call, extensions: readonly ExpirationExtension2[]): void {
  const { draft, to, from } = call
  if (extensions.length > POLICY.maxDeclarations) {
    throw illegalArgument(`too many declarations ${extensions.length}, max ${POLICY.maxDeclarations}`)
  }
  const spaces = new Map<number, ClaimedSpace>()
  let count = 0
  for (const { Deadline, Sectors, SectorsWithClaims, NewExpiration } of extensions) {
    checkDeadline(machine.deadlines, Deadline)
    for (const claim of SectorsWithClaims)
      spaces.set(claim.SectorNumber, claimedSpace(machine, call, claim, NewExpiration))
    count += Sectors.count + SectorsWithClaims.length
  }
  if (count > POLICY.maxAddressedSectors) {
    throw illegalArgument(`too many sectors for declaration ${count}, max ${POLICY.maxAddressedSectors}`)
  }
  checkCaller(miners.get(draft, to)!, from)
  for (const { Deadline, Partition, Sectors, SectorsWithClaims, NewExpiration } of extensions) {
    const partition = loadPartition(call, Deadline, Partition)
    const named = Sectors.union(Bitfield.of(SectorsWithClaims.map(({ SectorNumber }) => SectorNumber)))
    const onTime = partition.expirations.reduce((all, set) => all.union(set.onTime), Bitfield.EMPTY)
    for (const number of named) {
      if (!partition.sectors.has(number) || !onTime.has(number)) {
        throw illegalState(`sector ${number} is not in partition ${Partition} of deadline ${Deadline}, faulty or ended`)
      }
      const sector = sectors.get(draft, to, number)!
      checkExtension(machine.epoch, sector, NewExpiration)
      replaceSector(draft, to, machine.deadlines, extended(machine.epoch, sector, NewExpiration, spaces.get(number)))
    }
  }
}

/** The claims of one sector that a message keeps or drops, checked against their terms. */
function claimedSpace(
  { epoch }: Machine,
  { draft, to }: Call,
  { SectorNumber, MaintainClaims, DropClaims }: SectorClaim,
  newExpiration: number,
): ClaimedSpace {
  const load = (id: number) => {
    const claim = claims.get(draft, id)
    if (claim === undefined || claim.provider !== to) throw illegalArgument(`invalid claims: no claim ${id} of f0${to}`)
    if (claim.sector !== SectorNumber) {
      throw illegalArgument(`cannot map claim ${id} to sector ${SectorNumber}: it is in sector ${claim.sector}`)
    }
    return claim
  }
  let [kept, dropped] = [0n, 0n]
  for (const id of MaintainClaims) {
    const { termStart, termMax, size } = load(id)
    if (newExpiration > termStart + termMax) {
      throw forbidden(
        `failed to extend expiration: claim ${id} only allows extension to ${termStart + termMax} but declared new expiration is ${newExpiration}`,
      )
    }
    kept += BigInt(size)
  }
  for (const id of DropClaims) {
    const { termStart, termMin, size } = load(id)
    if (epoch < termStart + termMin) {
      throw forbidden(`failed to drop claim ${id}: its minimum term ends at ${termStart + termMin}`)
    }
    dropped += BigInt(size)
  }
  return { declared: kept + dropped, kept }
}

function checkExtension(epoch: number, sector: SectorRecord, expiration: number): void {
  const { number, activation } = sector
  const { maxSectorExpirationExtension, maxSectorLifetime, minSectorExpiration } = POLICY
  if (sector.expiration <= epoch)
    throw forbidden(`cannot extend expiration for expired sector ${number} at ${sector.expiration}`)
  if (expiration < sector.expiration) {
    throw illegalArgument(`cannot reduce sector ${number} expiration to ${expiration} from ${sector.expiration}`)
  }
  if (expiration - activation < minSectorExpiration) {
    throw illegalArgument(
      `invalid expiration ${expiration}, total sector lifetime (${expiration - activation}) must exceed ${minSectorExpiration} after activation ${activation}`,
    )
  }
  if (expiration > epoch + maxSectorExpirationExtension) {
    throw illegalArgument(
      `invalid expiration ${expiration}, cannot be more than ${maxSectorExpirationExtension} past current epoch ${epoch}`,
    )
  }
  if (expiration - activation > maxSectorLifetime) {
    throw illegalArgument(
      `invalid expiration ${expiration}, total sector lifetime (${expiration - activation}) cannot exceed ${maxSectorLifetime} after activation ${activation}`,
    )
  }
}

/** The weights are counted anew from this epoch on; the power only changes with dropped claims. */
function extended(
  epoch: number,
  sector: SectorRecord,
  expiration: number,
  space: ClaimedSpace | undefined,
): SectorRecord {
  const before = BigInt(sector.expiration - sector.powerBaseEpoch)
  const duration = BigInt(expiration - epoch)
  const next = {
    ...sector,
    expiration,
    powerBaseEpoch: epoch,
    dealWeight: (sector.dealWeight * duration) / before,
  }
  if (sector.verifiedDealWeight === 0n) return next
  const held = sector.verifiedDealWeight / before
  if (space === undefined) throw illegalArgument(`claim missing from declaration for sector ${sector.number}`)
  if (space.declared !== held) {
    throw illegalArgument(
      `declared verified deal space in claims (${space.declared}) does not match verified deal space (${held}) for sector ${sector.number}`,
    )
  }
  if (space.kept !== held && sector.expiration - epoch > POLICY.endOfLifeClaimDropPeriod) {
    throw forbidden(
      `attempt to drop claims with ${sector.expiration - epoch} epochs > end of life claim drop period ${POLICY.endOfLifeClaimDropPeriod} remaining`,
    )
  }
  return { ...next, verifiedDealWeight: space.kept * duration }
}
