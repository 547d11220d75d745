import { base58btc } from 'multiformats/bases/base58'
import type { StateMinerInfo } from '../../../rpc-schema/chain/miner-info.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import type { MinerControlRecord } from '../state/miner-control.js'
import type { MinerRecord } from '../state/records.js'

type Control = Omit<
  StateMinerInfo,
  'WindowPoStProofType' | 'SectorSize' | 'WindowPoStPartitionSectors' | 'ConsensusFaultElapsed'
>

const idAddress = (id: number): Address => Address.fromId(id, 't')

/** Who may do what with a miner, as a node tells it. */
export function controlToWire(miner: MinerRecord, control: MinerControlRecord): Control {
  const { pendingWorker, pendingOwner, pendingBeneficiary, term, peerId } = control
  return {
    Owner: idAddress(miner.owner),
    Worker: idAddress(miner.worker),
    NewWorker: pendingWorker === null ? Address.EMPTY : idAddress(pendingWorker.worker),
    ControlAddresses: miner.controls.map(idAddress),
    WorkerChangeEpoch: pendingWorker?.effectiveAt ?? -1,
    // Ids of before libp2p's CIDs: the multihash in base58 without a prefix.
    PeerId: peerId.length === 0 ? null : base58btc.baseEncode(peerId),
    Multiaddrs: [...control.multiaddrs],
    PendingOwnerAddress: pendingOwner === null ? null : idAddress(pendingOwner),
    Beneficiary: idAddress(control.beneficiary),
    BeneficiaryTerm: { Quota: term.quota, UsedQuota: term.used, Expiration: term.expiration },
    PendingBeneficiaryTerm: pendingBeneficiary && {
      NewBeneficiary: idAddress(pendingBeneficiary.beneficiary),
      NewQuota: pendingBeneficiary.quota,
      NewExpiration: pendingBeneficiary.expiration,
      ApprovedByBeneficiary: pendingBeneficiary.approvedByBeneficiary,
      ApprovedByNominee: pendingBeneficiary.approvedByNominee,
    },
  }
}
