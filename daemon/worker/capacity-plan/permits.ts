import type { SectorDemand } from '../../kit/sealing/sector-demand.js'
import { sizeText } from '../hardware/size-text.js'

/** A directory for sealing stores, and the disk that holds it. */
export interface StoreRoom {
  readonly path: string
  /** Directories with the same name share their room. */
  readonly disk: string
  readonly freeBytes: number
  /** It is a sealing store already: one thread, no more. */
  readonly isStore: boolean
}

/** What a resource permits. */
export interface Permit {
  readonly resource: 'memory' | 'disk'
  readonly has: string
  readonly perSector: string
  /** Sectors, with the fraction that is left over. */
  readonly permits: number
  /** What is too few for `sectors`; undefined when there is enough. */
  readonly shortage: (sectors: number) => string | undefined
}

export interface Supply {
  readonly memoryBytes: number
  /** Taken for window PoSt before anything is sealed. */
  readonly reservedMemoryBytes: number
  readonly stores: readonly StoreRoom[]
}

/** Memory first: what lacks here ends in the killing of a process. Then the disk. */
export function permitsOf(demand: SectorDemand, supply: Supply): readonly Permit[] {
  return [memoryPermit(demand, supply), diskPermit(demand, supply.stores)]
}

function memoryPermit(demand: SectorDemand, { memoryBytes, reservedMemoryBytes }: Supply): Permit {
  const shared = demand.sharedMemoryBytes + reservedMemoryBytes
  const postText = reservedMemoryBytes > 0 ? `, ${sizeText(reservedMemoryBytes)} for window PoSt` : ''
  return {
    resource: 'memory',
    has: `${sizeText(memoryBytes)} less ${sizeText(demand.sharedMemoryBytes)} cache${postText}`,
    perSector: sizeText(demand.memoryBytes),
    permits: Math.max(0, (memoryBytes - shared) / demand.memoryBytes),
    shortage: sectors => {
      const needed = shared + demand.memoryBytes * sectors
      if (needed <= memoryBytes) return undefined
      const sum = `${sizeText(demand.sharedMemoryBytes)} cache${postText} and ${sectors} × ${sizeText(demand.memoryBytes)}`
      return `${sizeText(needed - memoryBytes)} of memory: ${sum} are ${sizeText(needed)}, there are ${sizeText(memoryBytes)}`
    },
  }
}

function diskPermit({ diskBytes }: SectorDemand, stores: readonly StoreRoom[]): Permit {
  const disks = new Map(stores.map(store => [store.disk, store.freeBytes]))
  const free = [...disks.values()].reduce((sum, bytes) => sum + bytes, 0)
  const permits = roomsOf(stores, diskBytes).reduce((sum, rooms) => sum + rooms, 0)
  const where = `free on ${disks.size} disk${disks.size === 1 ? '' : 's'} for ${stores.length} director${stores.length === 1 ? 'y' : 'ies'}`
  return {
    resource: 'disk',
    has: `${sizeText(free)} ${where}`,
    perSector: sizeText(diskBytes),
    permits: stores.length === 1 && disks.size === 1 && !stores[0]!.isStore ? free / diskBytes : permits,
    shortage: sectors => {
      if (permits >= sectors) return undefined
      const needed = sectors * diskBytes
      const sum = `${sectors} × ${sizeText(diskBytes)} are ${sizeText(needed)}, there are ${sizeText(free)} ${where}`
      return needed > free
        ? `${sizeText(needed - free)} of disk space: ${sum}`
        : `room for ${sectors - permits} more sealing stores: ${sum}, in pieces that hold ${permits}`
    },
  }
}

/** Sectors that each store has room for; stores on one disk share its room in turn. */
export function roomsOf(stores: readonly StoreRoom[], diskBytes: number, most = Number.POSITIVE_INFINITY): number[] {
  const left = new Map(stores.map(store => [store.disk, Math.floor(store.freeBytes / diskBytes)]))
  const rooms = stores.map(() => 0)
  let placed = 0
  for (let progress = true; progress && placed < most; ) {
    progress = false
    for (const [index, { disk, isStore }] of stores.entries()) {
      if (placed >= most || left.get(disk) === 0 || (isStore && rooms[index] === 1)) continue
      rooms[index]!++
      left.set(disk, left.get(disk)! - 1)
      placed++
      progress = true
    }
  }
  return rooms
}
