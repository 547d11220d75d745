import { METHOD_SEND, METHODS } from '../../../rpc-schema/actors/actor-methods.js'
import { DeclareFaultsParams, DeclareFaultsRecoveredParams } from '../../../rpc-schema/actors/miner-post.js'
import { PreCommitSectorBatch2Params } from '../../../rpc-schema/actors/miner-precommit.js'
import { ProveCommitAggregateParams, ProveCommitSectors3Params } from '../../../rpc-schema/actors/miner-prove-commit.js'
import { ProveReplicaUpdates3Params } from '../../../rpc-schema/actors/miner-replica-update.js'
import { ExtendSectorExpiration2Params, TerminateSectorsParams } from '../../../rpc-schema/actors/miner-sectors.js'
import type { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import type { Message } from '../../../rpc-schema/wire/message.js'
import { POLICY } from '../chain/policy.js'
import { type ActorKind, actors } from '../state/records.js'
import { unhandledMessage } from '../vm/abort.js'
import type { Call, Machine } from '../vm/machine.js'
import { compactPartitions, compactSectorNumbers } from './compaction.js'
import { DATACAP_TRANSFER, transferDataCap } from './datacap.js'
import { disputeWindowedPoSt } from './dispute.js'
import { extendSectorExpiration, extendSectorExpiration2 } from './extension.js'
import { declareFaults, declareFaultsRecovered } from './fault-declarations.js'
import { addMarketBalance, withdrawMarketBalance } from './market-balance.js'
import {
  changeMultiaddrs,
  changeOwnerAddress,
  changePeerId,
  changeWorkerAddress,
  confirmChangeWorkerAddress,
  controlAddresses,
} from './miner-control.js'
import { changeBeneficiary, repayDebt, withdrawBalance } from './miner-money.js'
import { createMiner } from './power.js'
import { preCommitSectors } from './precommit.js'
import { proveCommitSectors } from './prove-commit.js'
import { proveCommitAggregate } from './prove-commit-aggregate.js'
import { publishStorageDeals } from './publish-deals.js'
import { proveReplicaUpdates } from './replica-update.js'
import { terminateSectors } from './termination.js'
import { submitWindowedPoSt } from './window-post.js'

/** A method of an actor; returns the bytes of its return value. Throws an ActorAbort. */
type Method = (machine: Machine, call: Call) => Uint8Array | Promise<Uint8Array>

const METHODS_OF: Partial<Record<ActorKind, ReadonlyMap<number, Method>>> = {
  storageminer: new Map<number, Method>([
    [METHODS.miner.SubmitWindowedPoSt, submitWindowedPoSt],
    [METHODS.miner.DisputeWindowedPoSt, disputeWindowedPoSt],
    [METHODS.miner.ExtendSectorExpiration, extendSectorExpiration],
    [METHODS.miner.TerminateSectors, terminateSectors],
    [METHODS.miner.DeclareFaults, declareFaults],
    [METHODS.miner.DeclareFaultsRecovered, declareFaultsRecovered],
    [METHODS.miner.PreCommitSectorBatch2, preCommitSectors],
    [METHODS.miner.CompactPartitions, compactPartitions],
    [METHODS.miner.CompactSectorNumbers, (_, call) => compactSectorNumbers(call)],
    [METHODS.miner.ExtendSectorExpiration2, extendSectorExpiration2],
    [METHODS.miner.ProveCommitSectors3, proveCommitSectors],
    [METHODS.miner.ProveReplicaUpdates3, proveReplicaUpdates],
    [METHODS.miner.ProveCommitAggregate, proveCommitAggregate],
    [METHODS.miner.ControlAddresses, controlAddresses],
    [METHODS.miner.ChangeWorkerAddress, changeWorkerAddress],
    [METHODS.miner.ConfirmChangeWorkerAddress, confirmChangeWorkerAddress],
    [METHODS.miner.ChangeOwnerAddress, changeOwnerAddress],
    [METHODS.miner.ChangePeerID, changePeerId],
    [METHODS.miner.ChangeMultiaddrs, changeMultiaddrs],
    [METHODS.miner.WithdrawBalance, withdrawBalance],
    [METHODS.miner.RepayDebt, repayDebt],
    [METHODS.miner.ChangeBeneficiary, changeBeneficiary],
  ]),
  storagepower: new Map<number, Method>([[METHODS.power.CreateMiner, createMiner]]),
  storagemarket: new Map<number, Method>([
    [METHODS.market.AddBalance, addMarketBalance],
    [METHODS.market.WithdrawBalance, withdrawMarketBalance],
    [METHODS.market.PublishStorageDeals, publishStorageDeals],
  ]),
  datacap: new Map<number, Method>([[DATACAP_TRANSFER, transferDataCap]]),
}

/** Runs the method of the receiving actor. The value has been transferred already. */
export function dispatch(machine: Machine, call: Call): Uint8Array | Promise<Uint8Array> {
  if (call.method === METHOD_SEND) return new Uint8Array()
  const { kind } = actors.get(call.draft, call.to)!
  const method = METHODS_OF[kind]?.get(call.method)
  const gone = kind === 'storageminer' && machine.rules.without.includes(call.method)
  if (method === undefined || gone) throw unhandledMessage(`invalid method: ${call.method}`)
  return method(machine, call)
}

/** Numbers of the sectors that a message to a miner is about; none when it is about none, or cannot be read. */
export function sectorsOf(message: Pick<Message, 'Method' | 'Params'>): number[] {
  try {
    switch (message.Method) {
      case METHODS.miner.PreCommitSectorBatch2:
        return PreCommitSectorBatch2Params.decode(message.Params).Sectors.map(sector => sector.SectorNumber)
      case METHODS.miner.ProveCommitSectors3:
        return ProveCommitSectors3Params.decode(message.Params).SectorActivations.map(sector => sector.SectorNumber)
      case METHODS.miner.ProveCommitAggregate:
        return few(ProveCommitAggregateParams.decode(message.Params).SectorNumbers)
      case METHODS.miner.ProveReplicaUpdates3:
        return ProveReplicaUpdates3Params.decode(message.Params).SectorUpdates.map(update => update.Sector)
      case METHODS.miner.TerminateSectors:
        return TerminateSectorsParams.decode(message.Params).Terminations.flatMap(({ Sectors }) => few(Sectors))
      case METHODS.miner.DeclareFaults:
        return DeclareFaultsParams.decode(message.Params).Faults.flatMap(({ Sectors }) => few(Sectors))
      case METHODS.miner.DeclareFaultsRecovered:
        return DeclareFaultsRecoveredParams.decode(message.Params).Recoveries.flatMap(({ Sectors }) =>
          Sectors.toArray(),
        )
      case METHODS.miner.ExtendSectorExpiration2:
        return ExtendSectorExpiration2Params.decode(message.Params).Extensions.flatMap(extension => [
          ...few(extension.Sectors),
          ...extension.SectorsWithClaims.map(({ SectorNumber }) => SectorNumber),
        ])
      default:
        return []
    }
  } catch {
    return []
  }
}

/** A message may name more numbers than anybody could list; such a one is refused wherever it goes. */
const few = (numbers: Bitfield): number[] => (numbers.count > POLICY.maxAddressedSectors ? [] : numbers.toArray())

export const sectorsIn = (message: Message): number => sectorsOf(message).length
