import { z } from 'zod'
import { Duration } from '../../../kit/config/duration.js'
import { FilSetting } from '../values.js'

const text = z.string().optional()
const texts = z.array(z.string()).nullish()
const bool = z.boolean().optional()
const count = z.int().nonnegative().optional()
const amount = FilSetting.optional()
const duration = Duration.optional()
const batchFee = z.object({ Base: amount, PerSector: amount }).optional()
const service = z.object({ Url: text, Token: text }).optional()
const services = z.object({ Urls: texts, Token: text }).optional()

/**
 * `config.toml` of venus-sealer, as far as its keys mean something to us; what becomes of each is in `key-fates.ts`. `Actor` is ours: the original
 * keeps it in its database.
 */
export const SealerSettings = z.object({
  Actor: text,
  DataDir: text,
  API: z.object({ ListenAddress: text, RemoteListenAddress: text, Timeout: duration }).optional(),
  Node: service,
  Messager: service,
  MarketNode: service,
  RegisterProof: services,
  RegisterMarket: services,
  Addresses: z
    .object({
      PreCommitControl: texts,
      CommitControl: texts,
      TerminateControl: texts,
      DealPublishControl: texts,
      DisableOwnerFallback: bool,
      DisableWorkerFallback: bool,
    })
    .optional(),
  Sealing: z
    .object({
      MaxWaitDealsSectors: count,
      MaxSealingSectors: count,
      MaxSealingSectorsForDeals: count,
      PreferNewSectorsForDeals: bool,
      MaxUpgradingSectors: count,
      MakeNewSectorForDeals: bool,
      WaitDealsDelay: duration,
      CommittedCapacitySectorLifetime: duration,
      AlwaysKeepUnsealedCopy: bool,
      FinalizeEarly: bool,
      BatchPreCommits: bool,
      MaxPreCommitBatch: count,
      PreCommitBatchWait: duration,
      PreCommitBatchSlack: duration,
      AggregateCommits: bool,
      MinCommitBatch: count,
      MaxCommitBatch: count,
      CommitBatchWait: duration,
      CommitBatchSlack: duration,
      AggregateAboveBaseFee: amount,
      BatchPreCommitAboveBaseFee: amount,
      TerminateBatchMax: count,
      TerminateBatchMin: count,
      TerminateBatchWait: duration,
      CollateralFromMinerBalance: bool,
      AvailableBalanceBuffer: amount,
      DisableCollateralFallback: bool,
    })
    .optional(),
  Storage: z
    .object({
      ParallelFetchLimit: count,
      AllowAddPiece: bool,
      AllowPreCommit1: bool,
      AllowPreCommit2: bool,
      AllowCommit: bool,
      AllowUnseal: bool,
      AllowReplicaUpdate: bool,
      AllowProveReplicaUpdate2: bool,
      AllowRegenSectorKey: bool,
      ResourceFiltering: text,
    })
    .optional(),
  Fees: z
    .object({
      MaxPreCommitGasFee: amount,
      MaxCommitGasFee: amount,
      MaxPreCommitBatchGasFee: batchFee,
      MaxCommitBatchGasFee: batchFee,
      MaxTerminateGasFee: amount,
      MaxWindowPoStGasFee: amount,
      MaxPublishDealsFee: amount,
      MaxMarketBalanceAddFee: amount,
    })
    .optional(),
  PieceStorage: z
    .object({
      Fs: z.array(z.object({ Name: text, ReadOnly: bool, Path: text })).nullish(),
      S3: z.array(z.looseObject({})).nullish(),
    })
    .optional(),
  DB: z
    .object({
      Type: text,
      MySql: z.looseObject({}).optional(),
      Sqlite: z.object({ Path: text }).optional(),
    })
    .optional(),
  JWT: z.object({ Secret: text }).optional(),
  NetParams: z.looseObject({}).optional(),
  Dealmaking: z.looseObject({}).optional(),
})
export type SealerSettings = z.output<typeof SealerSettings>
