import { z } from 'zod'
import { MarketDealInfo } from '../chain/market.js'
import { MessageReceipt } from '../chain/receipt.js'
import { TipSet } from '../chain/tipset.js'
import { method, param, service } from '../rpc/method.js'
import { nameSchemas } from '../rpc/schema-names.js'
import { Bool, NoResult, orAbsent, orNull, Text } from '../rpc/zero-value.js'
import { AddressJson } from '../wire/address.js'
import { Base64Bytes } from '../wire/bytes.js'
import { CidJson } from '../wire/cid.js'
import { list } from '../wire/list.js'
import { Message } from '../wire/message.js'
import { ActorId, AllocationId, ChainEpoch, DealId, PaddedPieceSize, SectorNumber, Uint64 } from '../wire/numbers.js'
import { TokenAmount } from '../wire/token-amount.js'

/**
 * How a call goes wrong: `error` is answered and nothing happens; `hang` is never answered and nothing happens; `delay` is answered
 * late; `drop-after-effect` happens, but the connection is cut before the answer.
 */
export const FAULTS = ['error', 'hang', 'delay', 'drop-after-effect'] as const

/**
 * The node's endpoints: `/rpc/v1` and `/second/rpc/v1`. Each can be made to show an older head than the chain has, or to fail alone.
 */
export const ENDPOINTS = ['main', 'second'] as const

export const Fault = z.object({
  /** Full name, as `Filecoin.MpoolPushMessage`; `*` is every method but the devnet's own. */
  Method: z.string(),
  Kind: z.enum(FAULTS),
  /** Only calls at this endpoint; absent: at all. */
  Endpoint: orAbsent(z.enum(ENDPOINTS)),
  /** How many calls; absent: all until it is taken back. */
  Times: orAbsent(Uint64),
  DelayMs: orAbsent(Uint64),
  /** Text of the error. */
  Message: orAbsent(z.string()),
})
export type Fault = z.infer<typeof Fault>

export const HeldHead = z.object({
  Endpoint: z.enum(ENDPOINTS),
  /** Tipsets below the head that it shows now. */
  Behind: Uint64,
})
export type HeldHead = z.infer<typeof HeldHead>

/** From `Epoch` on the network has this version. */
export const NetworkUpgrade = z.object({ Version: Uint64, Epoch: ChainEpoch })
export type NetworkUpgrade = z.infer<typeof NetworkUpgrade>

export const MessageFilter = z.object({ Miner: orAbsent(ActorId), Method: orAbsent(Uint64) })
export type MessageFilter = z.infer<typeof MessageFilter>

/** A message on the present fork. `Receipt` is null until the next tipset; `Params` are decoded where the method is known. */
export const LandedMessage = z.object({
  Cid: CidJson,
  /** Of the tipset that holds it. */
  Height: ChainEpoch,
  /** Actor ids. */
  From: ActorId,
  To: ActorId,
  Method: Uint64,
  MethodName: Text,
  /** Numbers of the sectors it is about. */
  Sectors: list(SectorNumber),
  Params: z.unknown(),
  Message,
  Receipt: orNull(MessageReceipt),
})
export type LandedMessage = z.infer<typeof LandedMessage>

/** Either `Data` or `Path` (of a file the devnet can read). */
export const DealImport = z.object({
  Miner: ActorId,
  Data: orAbsent(Base64Bytes),
  Path: orAbsent(z.string()),
  /** Epochs from now (of a built-in deal: from its start) to the end of the deal. */
  Duration: orAbsent(ChainEpoch),
  /** A deal of the built-in market, published by the miner's worker, instead of a direct one. */
  Builtin: orAbsent(Bool),
  /** A built-in deal that takes data cap of the client; direct ones always do. */
  Verified: orAbsent(Bool),
  /** Epochs from now on in which the piece of a built-in deal must be in a proven sector. */
  StartIn: orAbsent(ChainEpoch),
})
export type DealImport = z.infer<typeof DealImport>

export const ImportedDeal = z.object({ ...MarketDealInfo.shape, AllocationID: AllocationId, PieceCID: CidJson })
export type ImportedDeal = z.infer<typeof ImportedDeal>

export const MarketDealStatus = z.object({
  /** Of a built-in deal; 0 for a direct one. */
  DealID: DealId,
  /** Of a direct deal; 0 for a built-in one. */
  AllocationID: AllocationId,
  PieceCID: CidJson,
  PieceSize: PaddedPieceSize,
  State: z.enum(['allocated', 'sealing', 'active', 'expired']),
  Sector: orNull(SectorNumber),
})
export type MarketDealStatus = z.infer<typeof MarketDealStatus>

export const DevnetStatus = z.object({
  Network: z.string(),
  Height: ChainEpoch,
  Head: CidJson,
  /** Real milliseconds from one epoch to the next. */
  EpochMs: Uint64,
  /** False when only `Advance` makes epochs. */
  Mining: Bool,
  Pending: Uint64,
  NetworkVersion: Uint64,
  /** Planned and past. */
  Upgrades: list(NetworkUpgrade),
  /** Of the blocks to come, attoFIL a unit of gas. */
  BaseFee: TokenAmount,
  /** Endpoints whose head is held. */
  HeldHeads: list(z.enum(ENDPOINTS)),
  Miners: list(
    z.object({
      Miner: ActorId,
      Owner: AddressJson,
      Worker: AddressJson,
      Control: AddressJson,
      Available: TokenAmount,
      PreCommitted: Uint64,
      Sectors: Uint64,
    }),
  ),
  /** attoFIL of all actors together: never changes. */
  TotalSupply: TokenAmount,
  Faults: list(Fault),
  Deals: list(MarketDealStatus),
})
export type DevnetStatus = z.infer<typeof DevnetStatus>

nameSchemas({
  Fault,
  HeldHead,
  NetworkUpgrade,
  MessageFilter,
  LandedMessage,
  DealImport,
  ImportedDeal,
  MarketDealStatus,
  DevnetStatus,
})

const count = param('count', Uint64)

/** What only a simulated chain can do; served beside its `Filecoin` methods. */
export const devnetService = service('Devnet', {
  Status: method('Where the chain stands.', [], DevnetStatus),
  Advance: method('Makes so many epochs at once; the new head.', [count], TipSet),
  NullRounds: method('Lets so many epochs pass without a block, then makes one; the new head.', [count], TipSet),
  Reorg: method(
    'Takes the last tipsets back; their messages wait again. What follows is another fork. The new head.',
    [param('depth', Uint64)],
    TipSet,
  ),
  PauseMining: method('No epochs by themselves any more.', [], NoResult),
  ResumeMining: method('Epochs by themselves again.', [], NoResult),
  UpgradeNetwork: method(
    'Gives the network a newer version from an epoch to come on.',
    [param('upgrade', NetworkUpgrade)],
    NoResult,
  ),
  SetBaseFee: method(
    'What a unit of gas costs in the blocks to come, attoFIL.',
    [param('baseFee', TokenAmount)],
    NoResult,
  ),
  ForgetMessages: method(
    'Loses messages that wait for a block, as a node does that is started again: these, or all. How many it were.',
    [param('messages', orNull(list(CidJson)))],
    Uint64,
  ),
  HoldHead: method(
    'An endpoint shows the same head from now on, while the chain goes on. The tipset it shows.',
    [param('held', HeldHead)],
    TipSet,
  ),
  ReleaseHead: method(
    'An endpoint shows the chain as it is again, and tells what it had not told.',
    [param('endpoint', z.enum(ENDPOINTS))],
    NoResult,
  ),
  Fail: method('Makes calls go wrong.', [param('fault', Fault)], NoResult),
  ClearFaults: method('All calls go well again.', [], NoResult),
  FundAddress: method(
    'Sends attoFIL from the faucet; the message.',
    [param('address', AddressJson), param('amount', TokenAmount)],
    CidJson,
  ),
  Messages: method('Every message that has landed.', [param('filter', MessageFilter)], list(LandedMessage)),
  ImportDeal: method(
    'Gives the market a piece of data, with an allocation or a published deal on the chain, for a miner to seal.',
    [param('deal', DealImport)],
    ImportedDeal,
  ),
})
