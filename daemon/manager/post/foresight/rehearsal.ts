import type {
  PostRehearsal,
  RehearsedPartition,
  RehearsedStore,
  UnreadSector,
} from '../../../../rpc-schema/manager/post-rehearsal.js'
import { Address } from '../../../../rpc-schema/wire/address.js'
import { Bitfield } from '../../../../rpc-schema/wire/bitfield.js'
import { cidToCommR } from '../../../../rpc-schema/wire/cid.js'
import type { Logger } from '../../../kit/log.js'
import type { ChainNode } from '../../chain/chain-node.js'
import type { MinerFacts } from '../../chain/miner-facts.js'
import { abandoned } from '../../concurrency/abandoned.js'
import type { SectorPlaces } from '../../storage/sector-places.js'
import type { TrialOutcome, TrialReads } from '../provers/local/trial-reads.js'
import { type PlacedReplica, placedReplicas, storeNameOf } from '../provers/placed-replicas.js'
import { sectorsToProve, type WindowTask } from '../window-tasks.js'
import { type ComingWindow, forecast, readingMs } from './pace.js'
import { someOf, trialSectors } from './trial-choice.js'

export interface RehearsalParts {
  readonly node: ChainNode
  readonly facts: Pick<MinerFacts, 'info'>
  readonly places: Pick<SectorPlaces, 'find'>
  readonly reads: TrialReads
  readonly log: Logger
  readonly random: () => number
}

export interface RehearsalTask extends Pick<ComingWindow, 'restMs' | 'leftMs'> {
  readonly miner: number
  readonly deadline: number
  /** Of each partition; 0: all. */
  readonly sectors: number
  readonly limits: { readonly sectorMs: number; readonly storeMs: number }
}

type Shown = Pick<
  PostRehearsal,
  'Verdict' | 'Partitions' | 'Stores' | 'Unread' | 'UnreadCount' | 'NeededMs' | 'RestMs' | 'LeftMs'
>

/** So many sectors of a partition are looked up to know how the others are spread over the stores. */
const LOOKED_UP = 300
/** Sectors that could not be read which are named in a record; the others are counted. */
const MOST_NAMED = 50

/** A sector of a partition, with the store that it is in. */
interface Placed {
  readonly partition: number
  readonly replica: PlacedReplica
}

/** Reads some sectors of each partition of a deadline, and tells from that how long its proofs will take. */
export async function rehearse(parts: RehearsalParts, task: RehearsalTask, signal: AbortSignal): Promise<Shown> {
  const { node, facts, reads, random } = parts
  const { miner, deadline, sectors, limits } = task
  const address = Address.fromId(miner)
  const [partitions, { WindowPoStProofType: postProof }] = await Promise.all([
    node.api.StateMinerPartitions(address, deadline, []),
    facts.info(miner),
  ])
  const tasks = partitions
    .map((partition, index) => ({ index, toProve: sectorsToProve(partition) }))
    .filter(({ toProve }) => !toProve.isEmpty)
  const { known, nowhere } = await placesOf(parts, miner, tasks, sectors === 0 ? Number.POSITIVE_INFINITY : LOOKED_UP)
  const chosen = tasks.flatMap(({ index }) =>
    trialSectors(
      known.filter(({ partition }) => partition === index),
      ({ replica }) => storeNameOf(replica.place),
      sectors,
      random,
    ),
  )
  const replicas = chosen.map(({ replica }) => replica)
  const outcome = await abandoned(reads.read({ miner, postProof, replicas, limits }, signal), signal)
  return shown(task, tasks, known, nowhere, outcome)
}

async function placesOf(
  { node, places, log, random }: RehearsalParts,
  miner: number,
  tasks: readonly WindowTask[],
  most: number,
): Promise<{ known: Placed[]; nowhere: number[] }> {
  const known: Placed[] = []
  const nowhere: number[] = []
  for (const { index, toProve } of tasks) {
    const numbers = someOf(toProve.toArray(), most, random)
    const infos = await node.api.StateMinerSectors(Address.fromId(miner), Bitfield.of(numbers), [])
    const replicas = infos.map(({ SectorNumber, SealedCID, SectorKeyCID }) => ({
      number: SectorNumber,
      commR: cidToCommR(SealedCID),
      upgraded: SectorKeyCID !== null,
    }))
    const { placed, faults } = await placedReplicas({ miner, replicas }, places, log)
    known.push(...placed.map(replica => ({ partition: index, replica })))
    nowhere.push(...faults)
  }
  return { known, nowhere }
}

function shown(
  { restMs, leftMs }: RehearsalTask,
  tasks: readonly WindowTask[],
  known: readonly Placed[],
  nowhere: readonly number[],
  { readings, failures }: TrialOutcome,
): Shown {
  const took = new Map<string, number[]>()
  for (const { store, tookMs } of readings) took.set(store, [...(took.get(store) ?? []), tookMs])
  const overall = mean(readings.map(({ tookMs }) => tookMs))
  // A store of which nothing was read is taken to be like the others.
  const meanOf = (store: string): number => (took.has(store) ? mean(took.get(store)!) : overall)
  const read = new Set(readings.map(({ sector }) => sector))
  const inStores = new Map<string, number>()
  const Partitions = tasks.map(({ index, toProve }): RehearsedPartition => {
    const own = known.filter(({ partition }) => partition === index)
    const spread = new Map<string, number>()
    for (const { replica } of own) {
      const store = storeNameOf(replica.place)
      const share = toProve.count / own.length
      spread.set(store, (spread.get(store) ?? 0) + share)
      inStores.set(store, (inStores.get(store) ?? 0) + share)
    }
    return {
      Partition: index,
      ToProve: toProve.count,
      Read: own.filter(({ replica }) => read.has(replica.number)).length,
      ReadMs: Math.round(readingMs(spread, meanOf)),
    }
  })
  const Stores = [...inStores].map(([Store, sectors]): RehearsedStore => {
    const own = took.get(Store) ?? []
    return {
      Store,
      Sectors: Math.round(sectors),
      Read: own.length,
      MeanMs: Math.round(mean(own)),
      LongestMs: Math.round(Math.max(0, ...own)),
    }
  })
  const unread: UnreadSector[] = [
    ...nowhere.map(Sector => ({ Sector, Why: 'no store is known to hold it' })),
    ...[...failures].map(([Sector, Why]) => ({ Sector, Why })),
  ].sort((a, b) => a.Sector - b.Sector)
  const readMs = Partitions.reduce((sum, { ReadMs }) => sum + ReadMs, 0)
  const { neededMs, verdict } = forecast({ partitions: tasks.length, readMs, restMs, leftMs })
  return {
    Verdict: verdict,
    Partitions,
    Stores: Stores.sort((a, b) => (a.Store < b.Store ? -1 : 1)),
    Unread: unread.slice(0, MOST_NAMED),
    UnreadCount: unread.length,
    NeededMs: neededMs,
    RestMs: Math.round(restMs),
    LeftMs: Math.round(leftMs),
  }
}

const mean = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
