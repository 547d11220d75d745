import type { MinerRecord } from './records.js'
import { type StateView, table } from './state-tree.js'

/** How much a beneficiary may draw, and until when. */
export interface BeneficiaryTermRecord {
  readonly quota: bigint
  readonly used: bigint
  readonly expiration: number
}

export interface PendingBeneficiary {
  readonly beneficiary: number
  readonly quota: bigint
  readonly expiration: number
  readonly approvedByBeneficiary: boolean
  readonly approvedByNominee: boolean
}

/** Who may do what with a miner beside its owner, worker and control addresses; actor ids. */
export interface MinerControlRecord {
  readonly pendingWorker: { readonly worker: number; readonly effectiveAt: number } | null
  readonly pendingOwner: number | null
  readonly beneficiary: number
  readonly term: BeneficiaryTermRecord
  readonly pendingBeneficiary: PendingBeneficiary | null
  readonly peerId: Uint8Array
  readonly multiaddrs: readonly Uint8Array[]
  /** attoFIL that the miner owes for penalties. */
  readonly feeDebt: bigint
}

const records = table<MinerControlRecord>('miner-control')

export const minerControls = {
  /** A miner that nothing was changed of has no record: its owner is the beneficiary. */
  get: (view: StateView, id: number, { owner }: Pick<MinerRecord, 'owner'>): MinerControlRecord =>
    records.get(view, id) ?? {
      pendingWorker: null,
      pendingOwner: null,
      beneficiary: owner,
      term: { quota: 0n, used: 0n, expiration: 0 },
      pendingBeneficiary: null,
      peerId: new Uint8Array(),
      multiaddrs: [],
      feeDebt: 0n,
    },
  put: records.put,
}
