import { EXIT_CODES } from '../../../rpc-schema/actors/exit-codes.js'
import type { PieceActivationManifest } from '../../../rpc-schema/actors/miner-pieces.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import { type AllocationRecord, allocations, claims, network } from '../state/records.js'
import { StateDraft } from '../state/state-tree.js'
import { illegalArgument } from '../vm/abort.js'
import type { Call, Machine } from '../vm/machine.js'

export interface SectorClaims {
  readonly number: number
  readonly expiration: number
  readonly pieces: readonly PieceActivationManifest[]
}

export interface ClaimOutcome {
  readonly code: number
  /** Bytes of verified data in the sector. */
  readonly verifiedBytes: number
}

/** Turns the allocations that these sectors name into claims: all those of a sector or none of it. */
export function claimAllocations(
  machine: Machine,
  call: Call,
  sectors: readonly SectorClaims[],
  allOrNothing: boolean,
): ClaimOutcome[] {
  const outcomes = sectors.map(sector => claimSector(machine, call, sector))
  const failed = outcomes.findIndex(outcome => outcome.code !== EXIT_CODES.Ok)
  if (allOrNothing && failed >= 0) {
    throw illegalArgument(
      `claim failed with all-or-nothing: sector ${sectors[failed]!.number}, code ${outcomes[failed]!.code}`,
    )
  }
  return outcomes
}

function claimSector(machine: Machine, { draft, to }: Call, sector: SectorClaims): ClaimOutcome {
  const inner = new StateDraft(draft)
  let verifiedBytes = 0
  for (const piece of sector.pieces) {
    const key = piece.VerifiedAllocationKey
    if (key === null) continue
    const allocation = allocations.get(inner, key.ID)
    if (allocation === undefined || allocation.client !== key.Client)
      return { code: EXIT_CODES.ErrNotFound, verifiedBytes: 0 }
    if (!canClaim(machine, to, sector, piece, allocation)) return { code: EXIT_CODES.ErrForbidden, verifiedBytes: 0 }
    const { client, data, size, termMin, termMax } = allocation
    claims.put(
      inner,
      { provider: to, client, data, size, termMin, termMax, termStart: machine.epoch, sector: sector.number },
      key.ID,
    )
    allocations.delete(inner, key.ID)
    const { allocations: open, claims: claimed } = network.get(inner)
    const id = Bitfield.of([key.ID])
    network.update(inner, { allocations: open.subtract(id), claims: claimed.union(id) })
    verifiedBytes += size
  }
  draft.adopt(inner)
  return { code: EXIT_CODES.Ok, verifiedBytes }
}

function canClaim(
  { epoch }: Machine,
  provider: number,
  sector: SectorClaims,
  piece: PieceActivationManifest,
  allocation: AllocationRecord,
): boolean {
  const lifetime = sector.expiration - epoch
  return (
    allocation.provider === provider &&
    allocation.data.equals(piece.CID) &&
    allocation.size === piece.Size &&
    epoch <= allocation.expiration &&
    lifetime >= allocation.termMin &&
    lifetime <= allocation.termMax
  )
}
