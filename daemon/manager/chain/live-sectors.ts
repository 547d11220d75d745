import type { SectorLocation } from '../../../rpc-schema/chain/sectors.js'
import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import { RpcError } from '../../../rpc-schema/rpc/error.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import type { DeadlineInfo } from '../../../rpc-schema/wire/deadline.js'
import type { ChainNode } from './chain-node.js'

/** Where the live ones of these sectors are; those that have ended, or never were, are not in the answer. */
export async function liveSectors(
  node: ChainNode,
  miner: number,
  numbers: readonly number[],
  present: DeadlineInfo,
  head: TipSet,
): Promise<Map<number, SectorLocation>> {
  const address = Address.fromId(miner)
  const wanted = Bitfield.of(numbers)
  const found = new Map<number, SectorLocation>()
  for (const Deadline of await deadlinesOf(node, address, numbers, present, head)) {
    const partitions = await node.api.StateMinerPartitions(address, Deadline, head.Cids)
    for (const [Partition, { LiveSectors }] of partitions.entries())
      for (const number of wanted.intersect(LiveSectors)) found.set(number, { Deadline, Partition })
  }
  return found
}

/** Few sectors are asked for one by one; for many it is less to look through all deadlines. */
async function deadlinesOf(
  node: ChainNode,
  miner: Address,
  numbers: readonly number[],
  { WPoStPeriodDeadlines }: DeadlineInfo,
  head: TipSet,
): Promise<Iterable<number>> {
  if (numbers.length > WPoStPeriodDeadlines) return Array.from({ length: WPoStPeriodDeadlines }, (_, index) => index)
  const deadlines = new Set<number>()
  for (const number of numbers) {
    try {
      deadlines.add((await node.api.StateSectorPartition(miner, number, head.Cids)).Deadline)
    } catch (error) {
      // An error of the node's, not of the way to it: it does not find the sector.
      if (!(error instanceof RpcError)) throw error
    }
  }
  return deadlines
}
