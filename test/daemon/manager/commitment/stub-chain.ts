import { CID } from 'multiformats/cid'
import type { ChainApi, ChainNode } from '../../../../daemon/manager/chain/chain-node.js'
import { Randomness } from '../../../../daemon/manager/chain/randomness.js'
import { newRecord } from '../../../../daemon/manager/sectors/sector-record.js'
import type { TipSet } from '../../../../rpc-schema/chain/tipset.js'
import type { PreCommitInfo, SectorState } from '../../../../rpc-schema/manager/sector-state.js'
import { Address } from '../../../../rpc-schema/wire/address.js'
import { commDToCid, commRToCid } from '../../../../rpc-schema/wire/cid.js'
import { zeroPieceCommitment } from '../../../../rpc-schema/wire/piece.js'

/** A node that answers only the calls it was given. */
export function stubNode(api: Partial<ChainApi>): ChainNode {
  const answers: Partial<ChainApi> = {
    StateSectorPreCommitInfo: async () => null,
    StateSectorGetInfo: async () => null,
    StateMinerSectorAllocated: async () => false,
    StateAccountKey: async () => SENDER_KEY,
    GasEstimateGasLimit: async () => 1_000_000,
    GasEstimateGasPremium: async () => 1_000n,
    GasEstimateFeeCap: async () => 100_000n,
    StateGetRandomnessFromTickets: async () => TICKET,
    StateGetRandomnessFromBeacon: async () => SEED,
    ...api,
  }
  const node = {
    api: new Proxy(answers, {
      get: (known, method: keyof ChainApi) =>
        known[method] ?? (() => Promise.reject(new Error(`${method} was not to be called`))),
    }),
    params: async () => ({ PreCommitChallengeDelay: 10, BlockDelaySecs: 30 }),
  }
  return node as unknown as ChainNode
}

export const stubRandomness = (node: ChainNode): Randomness => new Randomness(node, undefined as never)

/** Key address of whoever sends. */
export const SENDER_KEY = Address.parse('f1abjxfbp274xpdqcpuaykwkfb43omjotacm2p3za')
export const TICKET = new Uint8Array(32).fill(11)
export const SEED = new Uint8Array(32).fill(12)
export const COMM_R = new Uint8Array(32).fill(13)
export const COMM_R_CID = commRToCid(COMM_R)

export const headAt = (Height: number): TipSet => ({
  Cids: [CID.parse('bafy2bzaceapjebllo2utp5h56rfn26htedda4chaqr5tvmcva2tsqqpjuubhm')],
  Blocks: [],
  Height,
})

export const PRE: PreCommitInfo = {
  CommR: commRToCid(COMM_R),
  CommD: commDToCid(zeroPieceCommitment(2048)),
  Ticket: { Ticket: TICKET, Epoch: 5_000 },
}

export function sealedRecord(change: Partial<SectorState> = {}): SectorState {
  return {
    ...newRecord({ Miner: 1000, Number: 3 }, 5),
    Ticket: PRE.Ticket,
    Pre: PRE,
    Seed: { Seed: SEED, Epoch: 6_010 },
    ...change,
  }
}

/** What the chain says of a pre-commit of {@link PRE}. */
export const onChainPreCommit = (
  change: Partial<{ SealRandEpoch: number; SealedCID: CID; PreCommitEpoch: number }> = {},
) => ({
  Info: {
    SealProof: 5,
    SectorNumber: 3,
    SealedCID: change.SealedCID ?? PRE.CommR,
    SealRandEpoch: change.SealRandEpoch ?? PRE.Ticket.Epoch,
    DealIDs: [],
    Expiration: 2_000_000,
    UnsealedCid: null,
  },
  PreCommitDeposit: 7n,
  PreCommitEpoch: change.PreCommitEpoch ?? 6_000,
})
