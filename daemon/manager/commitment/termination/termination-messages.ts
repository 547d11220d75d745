import type { SectorsOfPartition } from '../../../../rpc-schema/actors/miner-post.js'
import type { SectorLocation } from '../../../../rpc-schema/chain/sectors.js'
import { Bitfield } from '../../../../rpc-schema/wire/bitfield.js'
import type { AddressedBounds } from '../../chain/network-version.js'

/** One declaration for each partition, in the order of deadlines and partitions. */
export function declarations(locations: ReadonlyMap<number, SectorLocation>): SectorsOfPartition[] {
  const groups = new Map<string, { Deadline: number; Partition: number; numbers: number[] }>()
  for (const [number, { Deadline, Partition }] of locations) {
    const key = `${Deadline}/${Partition}`
    const group = groups.get(key)
    if (group === undefined) groups.set(key, { Deadline, Partition, numbers: [number] })
    else group.numbers.push(number)
  }
  return [...groups.values()]
    .sort((a, b) => a.Deadline - b.Deadline || a.Partition - b.Partition)
    .map(({ Deadline, Partition, numbers }) => ({ Deadline, Partition, Sectors: Bitfield.of(numbers) }))
}

/** The declarations in as few messages as the bounds allow; a partition with too many sectors is spread over several. */
export function messages(all: readonly SectorsOfPartition[], bounds: AddressedBounds): SectorsOfPartition[][] {
  const found: SectorsOfPartition[][] = []
  let room = 0
  for (const { Deadline, Partition, Sectors } of all) {
    const numbers = Sectors.toArray()
    for (let from = 0; from < numbers.length; ) {
      if (room === 0 || found.at(-1)!.length >= bounds.declarations) {
        found.push([])
        room = bounds.sectors
      }
      const part = numbers.slice(from, from + room)
      found.at(-1)!.push({ Deadline, Partition, Sectors: Bitfield.of(part) })
      from += part.length
      room -= part.length
    }
  }
  return found
}

/** Two messages of half the sectors each; undefined for a single sector. */
export function halves(
  message: readonly SectorsOfPartition[],
  bounds: AddressedBounds,
): readonly [SectorsOfPartition[], SectorsOfPartition[]] | undefined {
  const total = sectorsOf(message).length
  if (total < 2) return undefined
  const half = Math.ceil(total / 2)
  const [first, ...rest] = messages(message, { ...bounds, sectors: half })
  return [first!, rest.flat()]
}

export const sectorsOf = (message: readonly SectorsOfPartition[]): number[] =>
  message.flatMap(({ Sectors }) => Sectors.toArray())
