import { z } from 'zod'
import { Bool, orAbsent, orNull, orZero, Text } from '../rpc/zero-value.js'
import { emptyableBytes } from '../wire/bytes.js'
import { CidJson } from '../wire/cid.js'
import { ChainEpoch } from '../wire/numbers.js'
import { RegisteredSealProof } from '../wire/proof-types.js'
import { SectorID } from '../wire/sector-id.js'
import { MessageInfo, ProofOnChainInfo, Seed, TerminateInfo, Ticket } from './commitment.js'
import { LegacyDeals, SectorPieces } from './deals.js'
import { SectorPublicInfo } from './snapup.js'

/** The two stores of sector records: work in progress, and finished or aborted. */
export const SECTOR_WORKER_STATE = { online: 'online', offline: 'offline' } as const
/** Not limited to the two: an unknown store is an error of the method, not of its parameters. */
export const SectorWorkerState = z.string()

/** Which records ListSectors gives. A record can be both a rebuild and an unseal job. */
export const SECTOR_WORKER_JOB = { all: 0, sealing: 1, snapup: 2, rebuild: 3, unseal: 4 } as const
/** Not limited to the five: an unknown job lists nothing. */
export const SectorWorkerJob = z.int()

export const SectorWorkerInfo = z.object({ Instance: Text, Location: Text })
export type SectorWorkerInfo = z.infer<typeof SectorWorkerInfo>

export const SectorStateChange = z.object({ Prev: Text, Next: Text, Event: Text })
export type SectorStateChange = z.infer<typeof SectorStateChange>

/** Levels that workers send. */
export const FAILURE_LEVELS = ['Temporary', 'Permanent', 'Abort', 'Critical'] as const
export const SectorFailure = z.object({ Level: Text, Desc: Text })
export type SectorFailure = z.infer<typeof SectorFailure>

/** What a worker tells after each step of a sector. */
export const ReportStateReq = z.object({
  Worker: orZero(SectorWorkerInfo, () => ({ Instance: '', Location: '' })),
  StateChange: orZero(SectorStateChange, () => ({ Prev: '', Next: '', Event: '' })),
  Failure: orNull(SectorFailure),
})
export type ReportStateReq = z.infer<typeof ReportStateReq>

/** The answer to a report; `Finalized` tells the worker to drop the task. */
export const SectorStateResp = z.object({ Id: SectorID, Finalized: Bool, AbortReason: orNull(z.string()) })
export type SectorStateResp = z.infer<typeof SectorStateResp>

/** The submitted pre-commit as recorded: CIDs here, byte arrays in the request. */
export const PreCommitInfo = z.object({ CommR: CidJson, CommD: CidJson, Ticket: Ticket })
export type PreCommitInfo = z.infer<typeof PreCommitInfo>

/** The result of a snap-up: where the files are, what goes on the chain. All empty for a sector that was imported after its upgrade. */
export const SectorUpgradedInfo = z.object({
  AccessInstance: Text,
  SealedCID: orNull(CidJson),
  UnsealedCID: orNull(CidJson),
  Proof: emptyableBytes,
})
export type SectorUpgradedInfo = z.infer<typeof SectorUpgradedInfo>

/** The record of one sector. `Pieces` wins over `Deals` when both are set; `AbortReason` is empty when not aborted. */
export const SectorState = z.object({
  ID: SectorID,
  SectorType: orZero(RegisteredSealProof, () => 0),
  Ticket: orAbsent(Ticket),
  Seed: orAbsent(Seed),
  Deals: LegacyDeals,
  Pieces: SectorPieces,
  Pre: orAbsent(PreCommitInfo),
  Proof: orAbsent(ProofOnChainInfo),
  MessageInfo: orZero(MessageInfo, () => ({ PreCommitCid: null, CommitCid: null, NeedSend: false })),
  TerminateInfo: orZero(TerminateInfo, () => ({ TerminateCid: null, TerminatedAt: 0, AddedHeight: 0 })),
  LatestState: orAbsent(ReportStateReq),
  Finalized: Bool,
  Removed: Bool,
  AbortReason: Text,
  Upgraded: Bool,
  UpgradePublic: orNull(SectorPublicInfo),
  UpgradedInfo: orNull(SectorUpgradedInfo),
  UpgradeMessageID: orNull(z.string()),
  UpgradeLandedEpoch: orNull(ChainEpoch),
  Imported: Bool,
  NeedRebuild: Bool,
  Unsealing: Bool,
})
export type SectorState = z.infer<typeof SectorState>
