import type { ExpirationExtension2, SectorClaim } from '../../../../rpc-schema/actors/miner-sectors.js'
import type { SectorLocation } from '../../../../rpc-schema/chain/sectors.js'
import { Bitfield } from '../../../../rpc-schema/wire/bitfield.js'
import type { AddressedBounds } from '../../chain/network-version.js'

/** A sector that is to be extended. */
export interface Extended {
  readonly number: number
  readonly at: SectorLocation
  readonly to: number
  readonly claims: SectorClaim | null
  /** Its present expiration: it is not put together with others at an epoch before this. */
  readonly from: number
}

/**
 * One declaration for each partition and expiration. Sectors whose expirations differ by less than the tolerance share the earliest of them: each
 * declaration costs gas.
 */
export function extensionDeclarations(sectors: readonly Extended[], tolerance: number): ExpirationExtension2[] {
  const byPartition = new Map<string, Extended[]>()
  for (const sector of sectors) {
    const key = `${sector.at.Deadline}/${sector.at.Partition}`
    const members = byPartition.get(key)
    if (members === undefined) byPartition.set(key, [sector])
    else members.push(sector)
  }
  const found: ExpirationExtension2[] = []
  for (const members of byPartition.values()) {
    const ordered = members.sort((a, b) => a.to - b.to || a.number - b.number)
    for (let from = 0; from < ordered.length; ) {
      const NewExpiration = ordered[from]!.to
      let end = from
      while (end < ordered.length && (end === from || joins(ordered[end]!, NewExpiration, tolerance))) end += 1
      found.push(declaration(ordered.slice(from, end), NewExpiration))
      from = end
    }
  }
  return found.sort((a, b) => a.Deadline - b.Deadline || a.Partition - b.Partition || a.NewExpiration - b.NewExpiration)
}

/** Claims are only dropped for the very end that was asked for: at an earlier one they might be kept. */
function joins({ to, from, claims }: Extended, NewExpiration: number, tolerance: number): boolean {
  if (to === NewExpiration) return true
  const drops = (claims?.DropClaims.length ?? 0) > 0
  return !drops && from < NewExpiration && to - NewExpiration < tolerance
}

function declaration(members: readonly Extended[], NewExpiration: number): ExpirationExtension2 {
  const { Deadline, Partition } = members[0]!.at
  return {
    Deadline,
    Partition,
    Sectors: Bitfield.of(members.filter(({ claims }) => claims === null).map(({ number }) => number)),
    SectorsWithClaims: members.flatMap(({ claims }) => claims ?? []).sort((a, b) => a.SectorNumber - b.SectorNumber),
    NewExpiration,
  }
}

/** The declarations in as few messages as the bounds allow. */
export function extensionMessages(
  all: readonly ExpirationExtension2[],
  bounds: AddressedBounds,
): ExpirationExtension2[][] {
  const found: ExpirationExtension2[][] = []
  let room = 0
  for (const whole of all) {
    for (let rest: ExpirationExtension2 | undefined = whole; rest !== undefined; ) {
      if (room === 0 || found.at(-1)!.length >= bounds.declarations) {
        found.push([])
        room = bounds.sectors
      }
      const [part, left] = split(rest, room)
      found.at(-1)!.push(part)
      room -= numbersOf([part]).length
      rest = left
    }
  }
  return found
}

/** The first so many sectors of a declaration, and the others. */
function split(
  whole: ExpirationExtension2,
  count: number,
): readonly [ExpirationExtension2, ExpirationExtension2 | undefined] {
  const plain = whole.Sectors.toArray()
  const { SectorsWithClaims: claims } = whole
  if (plain.length + claims.length <= count) return [whole, undefined]
  const fromClaims = Math.max(0, count - plain.length)
  return [
    { ...whole, Sectors: Bitfield.of(plain.slice(0, count)), SectorsWithClaims: claims.slice(0, fromClaims) },
    { ...whole, Sectors: Bitfield.of(plain.slice(count)), SectorsWithClaims: claims.slice(fromClaims) },
  ]
}

/** Two messages of half the sectors each; undefined for a single sector. */
export function halvesOf(
  message: readonly ExpirationExtension2[],
  bounds: AddressedBounds,
): readonly [ExpirationExtension2[], ExpirationExtension2[]] | undefined {
  const total = numbersOf(message).length
  if (total < 2) return undefined
  const [first, ...rest] = extensionMessages(message, { ...bounds, sectors: Math.ceil(total / 2) })
  return [first!, rest.flat()]
}

/** Numbers of all sectors of a message. */
export const numbersOf = (message: readonly ExpirationExtension2[]): number[] =>
  message.flatMap(({ Sectors, SectorsWithClaims }) => [
    ...Sectors,
    ...SectorsWithClaims.map(({ SectorNumber }) => SectorNumber),
  ])
