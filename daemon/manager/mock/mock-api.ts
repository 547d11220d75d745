import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import {
  ON_CHAIN_STATE,
  SUBMIT_RESULT,
  type SubmitResp,
  TerminateInfo,
} from '../../../rpc-schema/manager/commitment.js'
import type { managerService } from '../../../rpc-schema/manager/index.js'
import { ProvingSectorInfo } from '../../../rpc-schema/manager/proving.js'
import { RPC_ERROR, RpcError } from '../../../rpc-schema/rpc/error.js'
import type { Handlers } from '../../../rpc-schema/rpc/method.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { POST_PROOFS, sealProofFor } from '../../../rpc-schema/wire/proof-types.js'
import { type SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'
import { parseToml } from '../../kit/config/toml-file.js'
import { loadSettings } from '../config/load-settings.js'

export interface MockOptions {
  readonly miner: number
  readonly sectorSize: number
  readonly version: string
}

type MockHandlers = Handlers<typeof managerService.methods>

const ZERO_PROVING = {
  OnChain: { SectorNumber: 0, SealProof: 0, SealedCID: null, Activation: 0, Expiration: 0 },
  Private: {},
} as const

/** Answers for workers and tools that are tried without a chain: everything is accepted, nothing is kept but what was submitted. */
export function mockApi({ miner, sectorSize, version }: MockOptions): Partial<MockHandlers> {
  const sealProof = sealProofFor(sectorSize, 'V1_1').number
  const windowPoSt = POST_PROOFS.find(
    proof => proof.sectorSize === sectorSize && proof.kind === 'window' && proof.name.endsWith('V1P1'),
  )!
  const [ticket, seed] = [new Uint8Array(randomBytes(32)), new Uint8Array(randomBytes(32))]
  const preCommits = new Set<string>()
  const proofs = new Set<string>()
  const terminations = new Set<string>()
  let last = 0

  /** A second submission is a duplicate, whatever is in it. */
  const submit = (to: Set<string>, sid: SectorID, again = false): SubmitResp => {
    const known = to.has(sectorName(sid))
    to.add(sectorName(sid))
    return { Res: known && !again ? SUBMIT_RESULT.duplicateSubmit : SUBMIT_RESULT.accepted, Desc: null }
  }
  const poll = (from: Set<string>, sid: SectorID) => ({
    State: from.has(sectorName(sid)) ? ON_CHAIN_STATE.landed : ON_CHAIN_STATE.notFound,
    Desc: null,
  })
  const only = (asked: number): void => {
    if (asked !== miner) throw new RpcError(RPC_ERROR.application, `miner id '${asked}' not found`)
  }
  const store = (Name: string) => ({ Name, Path: Name, Strict: false, ReadOnly: false, Weight: 0, Meta: {} })
  const nothing = () => null
  const config = loadSettings(parseToml(`[[Miners]]\nActor = ${miner}\n`, 'mock')).config.miners.get(miner)!

  return {
    AllocateSector: ({ AllowedMiners, AllowedProofTypes }) => {
      if (AllowedMiners.length > 0 && !AllowedMiners.includes(miner)) return null
      if (AllowedProofTypes.length > 0 && !AllowedProofTypes.includes(sealProof)) return null
      last += 1
      return { ID: { Miner: miner, Number: last }, ProofType: sealProof }
    },
    AcquireDeals: nothing,
    AssignTicket: () => ({ Ticket: ticket, Epoch: 0 }),
    SubmitPreCommit: ({ ID }, _, hardReset) => submit(preCommits, ID, hardReset),
    PollPreCommitState: sid => poll(preCommits, sid),
    SubmitPersisted: () => true,
    SubmitPersistedEx: () => true,
    WaitSeed: () => ({ ShouldWait: false, Delay: 0, Seed: { Seed: seed, Epoch: 0 } }),
    SubmitProof: (sid, _, hardReset) => submit(proofs, sid, hardReset),
    PollProofState: sid => poll(proofs, sid),
    ReportState: () => ({ Id: { Miner: 0, Number: 0 }, Finalized: false, AbortReason: null }),
    ReportFinalized: () => undefined,
    ReportAborted: () => undefined,
    AllocateSanpUpSector: nothing,
    SubmitSnapUpProof: () => ({ Res: SUBMIT_RESULT.accepted, Desc: null }),
    WorkerPing: () => undefined,
    StoreReserveSpace: (_, __, candidates) =>
      candidates.length === 0 ? null : store(candidates[Math.floor(Math.random() * candidates.length)]!),
    StoreBasicInfo: name => store(name),
    AllocateRebuildSector: nothing,
    AllocateUnsealSector: nothing,
    AcquireUnsealDest: () => [],
    AchieveUnsealSector: () => undefined,
    ListSectors: nothing,
    FindSector: nothing,
    FindSectorInAllStates: nothing,
    FindSectorsWithDeal: nothing,
    FindSectorWithPiece: nothing,
    ImportSector: () => false,
    RestoreSector: () => undefined,
    CheckProvable: nothing,
    SimulateWdPoSt: () => undefined,
    SnapUpPreFetch: () => ({ Total: 0, Diff: 0 }),
    SnapUpCandidates: nothing,
    SnapUpCancelCommitment: () => undefined,
    ProvingSectorInfo: () => z.decode(ProvingSectorInfo, ZERO_PROVING as never),
    WorkerGetPingInfo: nothing,
    WorkerPingInfoList: nothing,
    WorkerPingInfoRemove: () => undefined,
    SectorIndexerFind: () => ({ Found: false, Instance: { SealedFile: '', CacheDir: '' } }),
    TerminateSector: sid => submit(terminations, sid),
    PollTerminateSectorState: () => z.decode(TerminateInfo, {} as never),
    RemoveSector: () => undefined,
    FinalizeSector: () => undefined,
    StoreReleaseReserved: () => true,
    StoreList: nothing,
    SectorSetForRebuild: () => false,
    Version: () => version,
    GetTicket: (_, epoch, asked) => {
      only(asked)
      return { Ticket: ticket, Epoch: epoch }
    },
    GetSeed: (_, epoch, asked) => {
      only(asked)
      return { Seed: seed, Epoch: epoch }
    },
    GetWindowPoStChanlleengeRand: (_, epoch, asked) => {
      only(asked)
      return { Epoch: epoch, Rand: seed }
    },
    GetWindowPoStCommitRand: (_, epoch) => ({ Epoch: epoch, Rand: ticket }),
    GetInfo: asked => {
      only(asked)
      return {
        ID: miner,
        Addr: Address.EMPTY,
        SectorSize: sectorSize,
        WindowPoStProofType: windowPoSt.number,
        SealProofType: sealProof,
      }
    },
    GetMinerConfig: asked => {
      only(asked)
      return config
    },
  }
}
