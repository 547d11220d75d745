import * as dagCbor from '@ipld/dag-cbor'
import { blake2b } from '@noble/hashes/blake2.js'
import type { CID } from 'multiformats/cid'
import { Address } from '../../../rpc-schema/wire/address.js'
import type { BeaconEntry, BlockHeader } from '../../../rpc-schema/wire/block-header.js'
import { chainCid } from '../../../rpc-schema/wire/cid.js'
import { SIGNATURE_TYPES } from '../../../rpc-schema/wire/signature.js'
import { amtRoot, messagesRoot } from './amt.js'
import { type ChainTipSet, heightOf, type IncludedMessage, type Receipt } from './tipset.js'

/** attoFIL a unit of gas, unless something else is set. */
export const BASE_FEE = 100n

const GENESIS_BASE_FEE = 100_000_000n
/** A beacon makes some rounds between two epochs. */
const ROUNDS_PER_EPOCH = 4
const BEACON_FIRST_ROUND = 192_855_064
/** A block carries the beacon entries of the null rounds before it, but no more than this. */
const MAX_BEACON_ENTRIES = 20

const BEACON_BYTES = 48
const VRF_BYTES = 96
/** Weight that a block adds; the devnet has no power to weigh. */
const WEIGHT_PER_BLOCK = 1024n

/** Bytes that only depend on what is hashed: they stand where a network has the beacon's signature or a miner's VRF proof. */
function expand(bytes: number, ...parts: (string | number | Uint8Array)[]): Uint8Array {
  const seed = dagCbor.encode(parts)
  const out = new Uint8Array(bytes)
  for (let at = 0, round = 0; at < bytes; at += 32, round++) {
    out.set(blake2b(dagCbor.encode([seed, round]), { dkLen: 32 }).subarray(0, bytes - at), at)
  }
  return out
}

/** The beacon's entry of an epoch; the same on every fork. */
export const beaconEntry = (seed: string, epoch: number): BeaconEntry => ({
  Round: BEACON_FIRST_ROUND + epoch * ROUNDS_PER_EPOCH,
  Data: expand(BEACON_BYTES, 'beacon', seed, epoch),
})

export interface NextHeader {
  readonly seed: string
  readonly parent: ChainTipSet
  readonly height: number
  readonly timestamp: number
  readonly miner: number
  /** Tells forks apart: two tipsets of one height on one parent have different tickets. */
  readonly fork: number
  readonly stateRoot: CID
  readonly receipts: readonly Receipt[]
  readonly messages: readonly IncludedMessage[]
  readonly baseFee: bigint
}

export function nextHeader(next: NextHeader): BlockHeader {
  const { seed, parent, height, fork } = next
  const ticket = expand(VRF_BYTES, 'ticket', parent.header.Ticket!.VRFProof, height, fork)
  const firstEntry = Math.max(heightOf(parent) + 1, height - MAX_BEACON_ENTRIES + 1)
  return {
    Miner: Address.fromId(next.miner, 't'),
    Ticket: { VRFProof: ticket },
    ElectionProof: { WinCount: 1, VRFProof: expand(VRF_BYTES, 'election', ticket) },
    BeaconEntries: Array.from({ length: height - firstEntry + 1 }, (_, at) => beaconEntry(seed, firstEntry + at)),
    WinPoStProof: [{ PoStProof: 0, ProofBytes: new TextEncoder().encode('valid proof') }],
    Parents: [parent.cid],
    ParentWeight: weightAfter(parent),
    Height: height,
    ParentStateRoot: next.stateRoot,
    ParentMessageReceipts: amtRoot(
      next.receipts.map(({ exitCode, returnValue, gasUsed }) => [exitCode, returnValue, gasUsed, null]),
    ),
    Messages: messagesRoot(
      [],
      next.messages.map(message => message.cid),
    ),
    BLSAggregate: { Type: SIGNATURE_TYPES.bls, Data: Uint8Array.from([0xc0, ...new Uint8Array(95)]) },
    Timestamp: next.timestamp,
    BlockSig: { Type: SIGNATURE_TYPES.bls, Data: expand(VRF_BYTES, 'signature', ticket) },
    ForkSignaling: 0,
    ParentBaseFee: next.baseFee,
  }
}

/** Weight of the chain up to and with this tipset. */
export const weightAfter = (tipset: Pick<ChainTipSet, 'header'>): bigint =>
  tipset.header.ParentWeight + WEIGHT_PER_BLOCK

export function genesisHeader(seed: string, timestamp: number, stateRoot: CID): BlockHeader {
  return {
    Miner: Address.fromId(0, 't'),
    Ticket: { VRFProof: expand(32, 'genesis', seed) },
    ElectionProof: { WinCount: 0, VRFProof: new Uint8Array() },
    BeaconEntries: [{ Round: 0, Data: new Uint8Array(32) }],
    WinPoStProof: [],
    Parents: [stateRootOf(seed, null, [])],
    ParentWeight: 0n,
    Height: 0,
    ParentStateRoot: stateRoot,
    ParentMessageReceipts: amtRoot([]),
    Messages: messagesRoot([], []),
    BLSAggregate: null,
    Timestamp: timestamp,
    BlockSig: null,
    ForkSignaling: 0,
    ParentBaseFee: GENESIS_BASE_FEE,
  }
}

/**
 * CID that stands for a state: a function of the state before and of what changed. The records behind it are the devnet's own, not the
 * actors' trees, so it names a state but cannot be read with ChainReadObj.
 */
export const stateRootOf = (seed: string, before: CID | null, changes: readonly string[]): CID =>
  changes.length === 0 && before !== null ? before : chainCid(dagCbor.encode([seed, before, changes]))
