import type { CID } from 'multiformats/cid'
import type { Address } from '../../../rpc-schema/wire/address.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import { type StateDraft, type StateView, table } from './state-tree.js'

export type ActorKind =
  | 'account'
  | 'storageminer'
  | 'storagepower'
  | 'storagemarket'
  | 'reward'
  | 'system'
  | 'init'
  | 'verifiedregistry'
  | 'datacap'

export interface ActorRecord {
  readonly id: number
  readonly kind: ActorKind
  readonly balance: bigint
  readonly nonce: number
  /** Key address of an account, f2 address of a miner; absent for singletons. */
  readonly robust?: Address
}

/** Sectors of a partition that end in the same epoch: at their time, or early because they were faulty for too long. */
export interface ExpirationSet {
  readonly epoch: number
  readonly onTime: Bitfield
  readonly early: Bitfield
}

/** One partition's sectors. `unproven`, `faulty` and `terminated` are disjoint; `recovering` are some of the faulty. */
export interface PartitionRecord {
  /** All of them, also those that ended. */
  readonly sectors: Bitfield
  /** Not yet in a WindowPoSt: without power. */
  readonly unproven: Bitfield
  readonly faulty: Bitfield
  /** Faulty, and declared to be proven again in the next WindowPoSt. */
  readonly recovering: Bitfield
  readonly terminated: Bitfield
  /** By rising epoch; every live sector is in one of them. */
  readonly expirations: readonly ExpirationSet[]
}

/** What is known of a deadline without looking at its partitions. */
export interface DeadlineRecord {
  /** How many partitions. */
  readonly partitions: number
  /** Sectors, with and without those that ended. */
  readonly total: number
  readonly live: number
  /** Partitions proven in the present window. */
  readonly posted: Bitfield
  /** attoFIL a day, of its live sectors. */
  readonly dailyFee: bigint
}

/** Bytes of a miner's active sectors. */
export interface PowerRecord {
  readonly raw: bigint
  readonly qualityAdjusted: bigint
}

export interface MinerRecord {
  readonly owner: number
  readonly worker: number
  readonly controls: readonly number[]
  readonly sectorSize: number
  readonly windowPoStProof: number
  /** Sectors of one partition. */
  readonly partitionSectors: number
  /** Start of the proving period within the period's length. */
  readonly periodOffset: number
  readonly preCommitDeposits: bigint
  readonly initialPledge: bigint
  readonly allocated: Bitfield
  readonly preCommitted: Bitfield
  /** Every sector that has a record, also those that ended and were not compacted away. */
  readonly sectors: Bitfield
  /** Last epoch of the deadline whose end comes next. */
  readonly nextDeadlineEnd: number
  /** No pre-commit expires before this epoch; null without pre-commits. */
  readonly nextCleanUp: number | null
}

export interface PreCommitRecord {
  readonly sealProof: number
  readonly number: number
  readonly sealedCid: CID
  readonly ticketEpoch: number
  readonly expiration: number
  readonly unsealedCid: CID | null
  readonly deposit: bigint
  readonly epoch: number
}

export interface SectorRecord {
  readonly number: number
  readonly sealProof: number
  readonly sealedCid: CID
  readonly activation: number
  readonly expiration: number
  /** What the weights are counted from: the activation, or the last change of the data or the expiration. */
  readonly powerBaseEpoch: number
  /** Sealed CID from before its data was put in; null for a sector that was never updated. */
  readonly sectorKeyCid: CID | null
  readonly dealWeight: bigint
  readonly verifiedDealWeight: bigint
  readonly initialPledge: bigint
  readonly dailyFee: bigint
  readonly deadline: number
  readonly partition: number
}

export interface AllocationRecord {
  readonly client: number
  readonly provider: number
  readonly data: CID
  readonly size: number
  readonly termMin: number
  readonly termMax: number
  readonly expiration: number
}

export interface ClaimRecord {
  readonly provider: number
  readonly client: number
  readonly data: CID
  readonly size: number
  readonly termMin: number
  readonly termMax: number
  readonly termStart: number
  readonly sector: number
}

/** What exists once in the whole state. */
export interface NetworkRecord {
  readonly nextActorId: number
  readonly nextAllocationId: number
  readonly miners: readonly number[]
  /** Open allocations, and claims, by their id. */
  readonly allocations: Bitfield
  readonly claims: Bitfield
}

export const actors = table<ActorRecord>('actor')
export const keyAddresses = table<number>('key')
export const miners = table<MinerRecord>('miner')
export const preCommits = table<PreCommitRecord>('precommit')
export const sectors = table<SectorRecord>('sector')
export const deadlines = table<DeadlineRecord>('deadline')
export const partitions = table<PartitionRecord>('partition')
export const powers = table<PowerRecord>('power')
export const allocations = table<AllocationRecord>('allocation')
export const claims = table<ClaimRecord>('claim')
/** Bytes of data cap by client. */
export const dataCaps = table<bigint>('datacap')
const networks = table<NetworkRecord>('network')

export const EMPTY_NETWORK: NetworkRecord = {
  nextActorId: 100,
  nextAllocationId: 1,
  miners: [],
  allocations: Bitfield.EMPTY,
  claims: Bitfield.EMPTY,
}

export const network = {
  get: (view: StateView): NetworkRecord => networks.get(view) ?? EMPTY_NETWORK,
  update(draft: StateDraft, changes: Partial<NetworkRecord>): void {
    networks.put(draft, { ...network.get(draft), ...changes })
  },
}

/** Actors that exist in every network. */
export const SINGLETONS = {
  system: 0,
  init: 1,
  reward: 2,
  power: 4,
  market: 5,
  verifiedregistry: 6,
  datacap: 7,
  burn: 99,
} as const

/** Id of an address in this state; undefined for an address the chain does not know. */
export function resolveId(view: StateView, address: Address): number | undefined {
  if (address.isEmpty) return undefined
  if (!address.isId) return keyAddresses.get(view, address.toString('f'))
  const id = address.id
  return actors.get(view, id) === undefined ? undefined : id
}

/** Creates an actor under the next free id, or under the given one. */
export function createActor(
  draft: StateDraft,
  actor: Omit<ActorRecord, 'id' | 'nonce'>,
  wantedId?: number,
): ActorRecord {
  const state = network.get(draft)
  const id = wantedId ?? state.nextActorId
  if (wantedId === undefined) network.update(draft, { nextActorId: id + 1 })
  const record: ActorRecord = { ...actor, id, nonce: 0 }
  actors.put(draft, record, id)
  if (actor.robust !== undefined) keyAddresses.put(draft, id, actor.robust.toString('f'))
  return record
}

/** Moves money between actors that exist. The caller has checked that there is enough. */
export function transfer(draft: StateDraft, from: number, to: number, amount: bigint): void {
  if (amount === 0n || from === to) return
  const source = actors.get(draft, from)!
  actors.put(draft, { ...source, balance: source.balance - amount }, from)
  const target = actors.get(draft, to)!
  actors.put(draft, { ...target, balance: target.balance + amount }, to)
}

/** attoFIL of a miner that are neither deposit nor pledge. */
export function availableBalance(view: StateView, id: number): bigint {
  const miner = miners.get(view, id)!
  return actors.get(view, id)!.balance - miner.preCommitDeposits - miner.initialPledge
}
