import { z } from 'zod'
import { method, param } from '../rpc/method.js'
import { Null, orNull, orZero, Text } from '../rpc/zero-value.js'
import { CidJson } from '../wire/cid.js'
import { list, nullableList } from '../wire/list.js'
import { Uint64 } from '../wire/numbers.js'
import { RegisteredSealProof } from '../wire/proof-types.js'
import { SectorID } from '../wire/sector-id.js'
import { AllocatedSector, AllocateSectorSpec, AllocateUnsealSpec } from './allocation.js'
import {
  PollStateResp,
  PreCommitOnChainInfo,
  ProofOnChainInfo,
  SubmitResp,
  Ticket,
  WaitSeedResp,
} from './commitment.js'
import { AcquireDealsSpec, SectorPieces } from './deals.js'
import { SectorRebuildInfo } from './rebuild.js'
import { ReportStateReq, SectorStateResp } from './sector-state.js'
import { AllocatedSnapUpSector, AllocateSnapUpSpec, SnapUpOnChainInfo } from './snapup.js'
import { StoreBasicInfo } from './stores.js'
import { SectorUnsealInfo } from './unseal.js'
import { WorkerInfo } from './worker-ping.js'

const sid = param('sid', SectorID)
const flag = orZero(z.boolean(), () => false)

/** The methods that workers call. */
export const sealerMethods = {
  AllocateSector: method(
    'Takes a new sector number of a miner that fits the spec; null when no miner fits or all numbers are used up.',
    [param('spec', AllocateSectorSpec)],
    orNull(AllocatedSector),
    { permission: 'write' },
  ),
  AcquireDeals: method(
    'Asks the market for deals to fill a sector; null when deals are disabled. Returns the same pieces when repeated.',
    [sid, param('spec', AcquireDealsSpec)],
    SectorPieces,
    { permission: 'write' },
  ),
  AssignTicket: method('Draws the seal randomness of a sector and records it.', [sid], Ticket, { permission: 'write' }),
  SubmitPreCommit: method(
    'Hands in the result of PC2; the manager checks it and batches it into a pre-commit message.',
    [param('sector', AllocatedSector), param('info', PreCommitOnChainInfo), param('hardReset', flag)],
    SubmitResp,
    { permission: 'write' },
  ),
  PollPreCommitState: method('Says how far the pre-commit message is.', [sid], PollStateResp),
  SubmitPersisted: method('Old form of SubmitPersistedEx, for sealed sectors.', [sid, param('instance', Text)], flag, {
    permission: 'write',
  }),
  SubmitPersistedEx: method(
    'Tells that the files of a sector are in the named store; false when the manager does not find them there.',
    [sid, param('instance', Text), param('isUpgrade', flag)],
    flag,
    { permission: 'write' },
  ),
  WaitSeed: method(
    'Gives the interactive seed, or the seconds to wait for it.',
    [sid, param('sealProofType', RegisteredSealProof)],
    WaitSeedResp,
    { permission: 'write' },
  ),
  SubmitProof: method(
    'Hands in the seal proof; the manager verifies it and batches it into a prove-commit message.',
    [sid, param('info', ProofOnChainInfo), param('hardReset', flag)],
    SubmitResp,
    { permission: 'write' },
  ),
  PollProofState: method('Says how far the prove-commit message is.', [sid], PollStateResp),
  ReportState: method(
    'Reports a step of a sector (or its failure); `Finalized` in the answer tells the worker to drop the task.',
    [sid, param('report', ReportStateReq)],
    SectorStateResp,
    { permission: 'write' },
  ),
  ReportFinalized: method('Tells that the worker has finished with a sector.', [sid], Null, { permission: 'write' }),
  ReportAborted: method(
    'Gives a sector up: releases its deals and reserved space, and moves its record to the offline store.',
    [sid, param('reason', Text)],
    Null,
    { permission: 'write' },
  ),
  AllocateSanpUpSector: method(
    'Takes a committed-capacity sector together with deals for it; null when there is none.',
    [param('spec', AllocateSnapUpSpec)],
    orNull(AllocatedSnapUpSector),
    { permission: 'write' },
  ),
  SubmitSnapUpProof: method(
    'Hands in the result of a snap-up; the manager checks it and sends it in a mutable deadline.',
    [sid, param('info', SnapUpOnChainInfo)],
    SubmitResp,
    { permission: 'write' },
  ),
  WorkerPing: method('Tells that a worker is alive and how its threads fare.', [param('info', WorkerInfo)], Null, {
    permission: 'write',
  }),
  StoreReserveSpace: method(
    'Reserves bytes for a sector in one of the candidate stores (none given: any); null when none has room.',
    [sid, param('size', Uint64), param('candidates', list(z.string()))],
    orNull(StoreBasicInfo),
    { permission: 'write' },
  ),
  StoreBasicInfo: method(
    'Describes a persist store; null when the name is not known.',
    [param('instance', Text)],
    orNull(StoreBasicInfo),
  ),
  AllocateRebuildSector: method(
    'Takes a sector from the rebuild queue; null when there is none.',
    [param('spec', AllocateSectorSpec)],
    orNull(SectorRebuildInfo),
    { permission: 'write' },
  ),
  AllocateUnsealSector: method(
    'Takes an unseal task; null when there is none.',
    [param('spec', AllocateUnsealSpec)],
    orNull(SectorUnsealInfo),
    { permission: 'write' },
  ),
  AcquireUnsealDest: method(
    'Gives the URLs an unsealed piece is to be sent to.',
    [sid, param('pieceCid', CidJson)],
    nullableList(z.string()),
    { permission: 'write' },
  ),
  AchieveUnsealSector: method(
    'Tells that an unseal task is done, or failed with a reason.',
    [sid, param('pieceCid', CidJson), param('errInfo', Text)],
    Null,
    { permission: 'write' },
  ),
} as const
