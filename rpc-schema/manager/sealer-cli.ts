import { z } from 'zod'
import { channel, method, param } from '../rpc/method.js'
import { Bool, NoResult, Null, orNull, Text } from '../rpc/zero-value.js'
import { AddressJson } from '../wire/address.js'
import { BitfieldJson } from '../wire/bitfield.js'
import { Base64Bytes } from '../wire/bytes.js'
import { CidJson } from '../wire/cid.js'
import { list, nullableList } from '../wire/list.js'
import { ActorId, DealId, Uint64, UnpaddedPieceSize } from '../wire/numbers.js'
import { RegisteredPoStProof } from '../wire/proof-types.js'
import { SectorID } from '../wire/sector-id.js'
import { SubmitResp, TerminateInfo } from './commitment.js'
import { ExtendedSectorInfo, ProvableFaults, ProvingSectorInfo } from './proving.js'
import { RebuildOptions } from './rebuild.js'
import { SectorState, SectorWorkerJob, SectorWorkerState } from './sector-state.js'
import { SnapUpFetchResult } from './snapup.js'
import { SectorIndexLocation, SectorIndexType, StoreDetailedInfo } from './stores.js'
import { WorkerPingInfo } from './worker-ping.js'

const sid = param('sid', SectorID)
const miner = param('miner', ActorId)
const ws = param('ws', SectorWorkerState)

/** The methods behind the manager's command line. */
export const sealerCliMethods = {
  ListSectors: method(
    'All records of one store that belong to a job class.',
    [ws, param('job', SectorWorkerJob)],
    nullableList(SectorState),
  ),
  FindSector: method('The record of a sector in one store.', [ws, sid], orNull(SectorState)),
  FindSectorInAllStates: method('The record of a sector, the online store first.', [sid], orNull(SectorState)),
  FindSectorsWithDeal: method(
    'The records of one store that hold a built-in market deal; null when there is none.',
    [ws, param('dealID', DealId)],
    nullableList(SectorState),
  ),
  FindSectorWithPiece: method(
    'A record of one store that holds a piece; null when there is none.',
    [ws, param('pieceCid', CidJson)],
    orNull(SectorState),
  ),
  ImportSector: method(
    'Writes a record as given into one store; false when there is nothing to write or one to be kept.',
    [ws, param('state', orNull(SectorState)), param('override', Bool)],
    Bool,
    { permission: 'write' },
  ),
  RestoreSector: method('Moves a record from offline back to online.', [sid, param('forced', Bool)], Null, {
    permission: 'write',
  }),
  CheckProvable: method(
    'Checks the files of sectors, with a vanilla proof when strict; answers the bad ones and why.',
    [
      miner,
      param('postProofType', RegisteredPoStProof),
      param('sectors', list(ExtendedSectorInfo)),
      param('strict', Bool),
      param('stateCheck', Bool),
    ],
    orNull(ProvableFaults),
  ),
  SimulateWdPoSt: method(
    'Starts a WindowPoSt run whose outcome is only logged.',
    [
      param('ddlIndex', Uint64),
      param('partitionIndex', Uint64),
      param('minerAddr', AddressJson),
      param('postProofType', RegisteredPoStProof),
      param('sectors', list(ExtendedSectorInfo)),
      param('rand', Base64Bytes),
    ],
    NoResult,
    { permission: 'admin' },
  ),
  SnapUpPreFetch: method(
    'Adds the good committed-capacity sectors of a deadline (null: the present one) to the candidates.',
    [miner, param('deadline', orNull(Uint64))],
    SnapUpFetchResult,
    { permission: 'write' },
  ),
  SnapUpCandidates: method(
    'The candidate sectors by deadline; null when never fetched.',
    [miner],
    nullableList(orNull(BitfieldJson)),
  ),
  SnapUpCancelCommitment: method('Stops the sending of a snap-up.', [sid], NoResult, { permission: 'admin' }),
  ProvingSectorInfo: method('A proven sector on the chain and in the stores.', [sid], ProvingSectorInfo),
  WorkerGetPingInfo: method(
    'The last ping of a worker; null when unknown.',
    [param('name', Text)],
    orNull(WorkerPingInfo),
  ),
  WorkerPingInfoList: method('The last pings of all workers.', [], nullableList(WorkerPingInfo)),
  WorkerPingInfoRemove: method('Forgets a worker.', [param('name', Text)], NoResult, { permission: 'admin' }),
  SectorIndexerFind: method(
    'In which stores the files of a sector are.',
    [param('indexType', SectorIndexType), sid],
    SectorIndexLocation,
  ),
  TerminateSector: method('Asks for the termination of a live sector.', [sid], SubmitResp, { permission: 'admin' }),
  PollTerminateSectorState: method('Says how far the termination is.', [sid], TerminateInfo),
  RemoveSector: method('Deletes the files of a sector.', [sid], NoResult, { permission: 'admin' }),
  FinalizeSector: method('Moves the record of a proven sector from online to offline.', [sid], NoResult, {
    permission: 'admin',
  }),
  StoreReleaseReserved: method('Drops the space reservations of a sector; false when there was none.', [sid], Bool, {
    permission: 'admin',
  }),
  StoreList: method('All persist stores with their space.', [], nullableList(StoreDetailedInfo)),
  SectorSetForRebuild: method('Queues a sector for rebuild.', [sid, param('options', RebuildOptions)], Bool, {
    permission: 'admin',
  }),
  UnsealPiece: channel(
    'Unseals a piece. Without a destination its bytes are streamed here in chunks; one empty chunk is the good end. Offset and size in unpadded bytes.',
    [
      sid,
      param('pieceCid', CidJson),
      param('offset', UnpaddedPieceSize),
      param('size', UnpaddedPieceSize),
      param('dest', Text),
    ],
    Base64Bytes,
    { permission: 'admin' },
  ),
  Version: method('The version of the manager.', [], z.string()),
} as const
