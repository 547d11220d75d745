import { METHOD_SEND, METHODS } from '../../../rpc-schema/actors/actor-methods.js'
import { PreCommitSectorBatch2Params } from '../../../rpc-schema/actors/miner-precommit.js'
import { ProveCommitAggregateParams, ProveCommitSectors3Params } from '../../../rpc-schema/actors/miner-prove-commit.js'
import type { Message } from '../../../rpc-schema/wire/message.js'
import { type ActorKind, actors } from '../state/records.js'
import { unhandledMessage } from '../vm/abort.js'
import type { Call, Machine } from '../vm/machine.js'
import { DATACAP_TRANSFER, transferDataCap } from './datacap.js'
import { declareFaults, declareFaultsRecovered } from './fault-declarations.js'
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
import { submitWindowedPoSt } from './window-post.js'

/** A method of an actor; returns the bytes of its return value. Throws an ActorAbort. */
type Method = (machine: Machine, call: Call) => Uint8Array | Promise<Uint8Array>

const METHODS_OF: Partial<Record<ActorKind, ReadonlyMap<number, Method>>> = {
  storageminer: new Map<number, Method>([
    [METHODS.miner.SubmitWindowedPoSt, submitWindowedPoSt],
    [METHODS.miner.DeclareFaults, declareFaults],
    [METHODS.miner.DeclareFaultsRecovered, declareFaultsRecovered],
    [METHODS.miner.PreCommitSectorBatch2, preCommitSectors],
    [METHODS.miner.ProveCommitSectors3, proveCommitSectors],
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
  datacap: new Map<number, Method>([[DATACAP_TRANSFER, transferDataCap]]),
}

/** Runs the method of the receiving actor. The value has been transferred already. */
export function dispatch(machine: Machine, call: Call): Uint8Array | Promise<Uint8Array> {
  if (call.method === METHOD_SEND) return new Uint8Array()
  const method = METHODS_OF[actors.get(call.draft, call.to)!.kind]?.get(call.method)
  if (method === undefined) throw unhandledMessage(`invalid method: ${call.method}`)
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
        return ProveCommitAggregateParams.decode(message.Params).SectorNumbers.toArray()
      default:
        return []
    }
  } catch {
    return []
  }
}

export const sectorsIn = (message: Message): number => sectorsOf(message).length
