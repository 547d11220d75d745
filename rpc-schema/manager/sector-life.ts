import { z } from 'zod'
import { method, param } from '../rpc/method.js'
import { Bool, orNull, orZero, Text } from '../rpc/zero-value.js'
import { AddressJson } from '../wire/address.js'
import { BitfieldJson } from '../wire/bitfield.js'
import { list } from '../wire/list.js'
import { ActorId, AllocationId, ChainEpoch, SectorNumber, Uint64 } from '../wire/numbers.js'
import { RegisteredSealProof } from '../wire/proof-types.js'
import { SectorID } from '../wire/sector-id.js'
import { TokenAmount } from '../wire/token-amount.js'

const Epoch = orZero(ChainEpoch, () => 0)
const Count = orZero(Uint64, () => 0)

/** What the end of a sector would cost now. Amounts in attoFIL. */
export const TerminationPreview = z.object({
  Sector: SectorID,
  Deadline: Uint64,
  Partition: Uint64,
  /** Whether it can be sent now; otherwise it waits until `MutableFrom`. */
  Mutable: Bool,
  MutableFrom: ChainEpoch,
  Activation: ChainEpoch,
  Expiration: ChainEpoch,
  HasData: Bool,
  /** Comes back to the miner, less the fee. */
  InitialPledge: TokenAmount,
  /** By the age and the pledge of the sector; the chain takes more when what a fault costs is more. */
  FeeAtLeast: TokenAmount,
  /** Who would send it. */
  Sender: AddressJson,
})
export type TerminationPreview = z.infer<typeof TerminationPreview>

/** A sector whose end is near. Amounts in attoFIL. */
export const ExpiringSector = z.object({
  Number: SectorNumber,
  SealProof: RegisteredSealProof,
  InitialPledge: TokenAmount,
  Activation: ChainEpoch,
  Expiration: ChainEpoch,
  /** The latest that its age allows, and the latest that can be promised now. */
  MaxExpiration: ChainEpoch,
  MaxExtendNow: ChainEpoch,
})
export type ExpiringSector = z.infer<typeof ExpiringSector>

export const ExpiringSectors = z.object({
  Miner: ActorId,
  Epoch: ChainEpoch,
  /** Nominal length of an epoch. */
  BlockDelaySecs: Uint64,
  Sectors: list(ExpiringSector),
})
export type ExpiringSectors = z.infer<typeof ExpiringSectors>

/** Which sectors are extended, and how far. */
export const ExtensionOptions = z.object({
  /** These sectors, whenever they expire; null: those that expire from `From` to `To`. */
  Numbers: orNull(BitfieldJson),
  /** 0: an hour from now. */
  From: Epoch,
  /** 0: 32 days from now. */
  To: Epoch,
  Exclude: orNull(BitfieldJson),
  /** By so many epochs… */
  Extension: Epoch,
  /** …or to this epoch, when it is not 0. */
  NewExpiration: Epoch,
  /** Not by fewer epochs than this; sectors nearer to each other than this end together. */
  Tolerance: Epoch,
  OnlyCC: Bool,
  DropClaims: Bool,
  /** Sectors in one message; 0 is what the network allows. */
  MaxSectors: Count,
  /** attoFIL for one message; 0 is no limit but the fee cap. */
  MaxFee: orZero(TokenAmount, () => 0n),
})
export type ExtensionOptions = z.infer<typeof ExtensionOptions>

export const PlannedExtension = z.object({
  Deadline: Uint64,
  Partition: Uint64,
  /** With and without claims. */
  Sectors: BitfieldJson,
  DropClaims: list(AllocationId),
  NewExpiration: ChainEpoch,
})
export type PlannedExtension = z.infer<typeof PlannedExtension>

export const ExtensionPlan = z.object({
  Miner: ActorId,
  Epoch: ChainEpoch,
  /** The declarations of each message. */
  Messages: list(list(PlannedExtension)),
  /** Sectors that were meant and are not extended. */
  LeftOut: list(z.object({ Number: SectorNumber, Reason: Text })),
})
export type ExtensionPlan = z.infer<typeof ExtensionPlan>

/** What became of the messages: one that was pushed has a CID; the others an error. */
export const ExtensionResult = z.object({
  Plan: ExtensionPlan,
  Sent: list(z.object({ Sectors: BitfieldJson, Cid: orNull(z.string()), Error: Text })),
})
export type ExtensionResult = z.infer<typeof ExtensionResult>

/** Sectors of which the chain knows no more. */
export const ExpiredSectors = z.object({
  Miner: ActorId,
  /** They were gone by this epoch. */
  Epoch: ChainEpoch,
  Sectors: list(z.object({ Number: SectorNumber, Removed: Bool })),
})
export type ExpiredSectors = z.infer<typeof ExpiredSectors>

/** The miner in question; null is the only one that is configured. */
const miner = param('miner', orNull(ActorId))

/** The end and the extension of sectors. */
export const sectorLifeMethods = {
  PreviewTermination: method('What the end of a live sector would cost.', [param('sid', SectorID)], TerminationPreview),
  ExpiringSectors: method(
    'Active sectors that expire within so many epochs.',
    [miner, param('cutoff', ChainEpoch)],
    ExpiringSectors,
  ),
  ExpiredSectors: method(
    'Finished sectors that the chain had ended by an epoch (null: what winning PoSt looks back to).',
    [miner, param('epoch', orNull(ChainEpoch))],
    ExpiredSectors,
  ),
  PlanExtension: method('What ExtendSectors would send.', [miner, param('options', ExtensionOptions)], ExtensionPlan),
  ExtendSectors: method(
    'Extends sectors. Those with a message on its way are left out.',
    [miner, param('options', ExtensionOptions)],
    ExtensionResult,
    { permission: 'admin' },
  ),
} as const
