import {
  ChangeMultiaddrsParams,
  ChangeOwnerAddressParams,
  ChangePeerIDParams,
  ChangeWorkerAddressParams,
  ControlAddressesReturn,
} from '../../../rpc-schema/actors/miner-control.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { type MinerControlRecord, minerControls } from '../state/miner-control.js'
import { actors, type MinerRecord, miners, resolveId } from '../state/records.js'
import { decodeParams, forbidden, illegalArgument } from '../vm/abort.js'
import type { Call, Machine } from '../vm/machine.js'
import { checkCaller } from './precommit.js'

/** Epochs after which a proposed worker may take its office: those after which nothing before can be undone. */
export const WORKER_CHANGE_DELAY = 900
const MAX_CONTROL_ADDRESSES = 10
const MAX_PEER_ID_BYTES = 128
const MAX_MULTIADDR_BYTES = 1024

const NOTHING = new Uint8Array()

export interface Controlled {
  readonly miner: MinerRecord
  readonly control: MinerControlRecord
}

export function controlled({ draft, to }: Call): Controlled {
  const miner = miners.get(draft, to)!
  return { miner, control: minerControls.get(draft, to, miner) }
}

export function changeControl({ draft, to }: Call, control: MinerControlRecord, changes: Partial<MinerControlRecord>) {
  minerControls.put(draft, { ...control, ...changes }, to)
}

export function onlyFrom(from: number, ...allowed: readonly number[]): void {
  if (!allowed.includes(from)) throw forbidden(`caller f0${from} is not one of supported`)
}

/** Method 2. */
export function controlAddresses(_machine: Machine, call: Call): Uint8Array {
  const { miner } = controlled(call)
  return ControlAddressesReturn.encode({
    Owner: Address.fromId(miner.owner),
    Worker: Address.fromId(miner.worker),
    ControlAddrs: miner.controls.map(id => Address.fromId(id)),
  })
}

/** Method 3: control addresses at once, the worker after a delay. (A real worker needs a BLS key; the devnet's have secp256k1 keys.) */
export function changeWorkerAddress({ epoch }: Machine, call: Call): Uint8Array {
  const { NewWorker, NewControlAddrs } = decodeParams(ChangeWorkerAddressParams, call.params)
  if (NewControlAddrs.length > MAX_CONTROL_ADDRESSES)
    throw illegalArgument(
      `control addresses length ${NewControlAddrs.length} exceeds max control addresses length ${MAX_CONTROL_ADDRESSES}`,
    )
  const worker = accountOf(call, NewWorker)
  const controls = NewControlAddrs.map(address => accountOf(call, address))
  const { miner, control } = controlled(call)
  onlyFrom(call.from, miner.owner)
  miners.put(call.draft, { ...miner, controls }, call.to)
  if (worker !== miner.worker && control.pendingWorker === null)
    changeControl(call, control, { pendingWorker: { worker, effectiveAt: epoch + WORKER_CHANGE_DELAY } })
  return NOTHING
}

/** Method 21; before its time it does nothing. */
export function confirmChangeWorkerAddress({ epoch }: Machine, call: Call): Uint8Array {
  const { miner, control } = controlled(call)
  onlyFrom(call.from, miner.owner)
  const pending = control.pendingWorker
  if (pending === null || epoch < pending.effectiveAt) return NOTHING
  miners.put(call.draft, { ...miner, worker: pending.worker }, call.to)
  changeControl(call, control, { pendingWorker: null })
  return NOTHING
}

/** Method 23: proposed by the owner, confirmed by the one that is to be. */
export function changeOwnerAddress(_machine: Machine, call: Call): Uint8Array {
  const address = decodeParams(ChangeOwnerAddressParams, call.params)
  if (!address.isId) throw illegalArgument('owner address must be an ID address')
  const wanted = address.id
  const { miner, control } = controlled(call)
  if (call.from === miner.owner || control.pendingOwner === null) {
    onlyFrom(call.from, miner.owner)
    changeControl(call, control, { pendingOwner: wanted === miner.owner ? null : wanted })
    return NOTHING
  }
  onlyFrom(call.from, control.pendingOwner)
  if (wanted !== control.pendingOwner)
    throw illegalArgument(`expected confirmation of f0${control.pendingOwner}, got f0${wanted}`)
  const beneficiary = control.beneficiary === miner.owner ? wanted : control.beneficiary
  miners.put(call.draft, { ...miner, owner: wanted }, call.to)
  changeControl(call, control, { pendingOwner: null, beneficiary })
  return NOTHING
}

/** Method 4. */
export function changePeerId(_machine: Machine, call: Call): Uint8Array {
  const { NewID } = decodeParams(ChangePeerIDParams, call.params)
  checkPeerId(NewID)
  const { miner, control } = controlled(call)
  checkCaller(miner, call.from)
  changeControl(call, control, { peerId: NewID })
  return NOTHING
}

/** Method 18. */
export function changeMultiaddrs(_machine: Machine, call: Call): Uint8Array {
  const { NewMultiaddrs } = decodeParams(ChangeMultiaddrsParams, call.params)
  checkMultiaddrs(NewMultiaddrs)
  const { miner, control } = controlled(call)
  checkCaller(miner, call.from)
  changeControl(call, control, { multiaddrs: NewMultiaddrs })
  return NOTHING
}

export function checkPeerId(id: Uint8Array): void {
  if (id.length > MAX_PEER_ID_BYTES)
    throw illegalArgument(`peer ID size of ${id.length} exceeds maximum size of ${MAX_PEER_ID_BYTES}`)
}

export function checkMultiaddrs(addresses: readonly Uint8Array[]): void {
  if (addresses.some(address => address.length === 0)) throw illegalArgument('invalid empty multiaddr')
  const bytes = addresses.reduce((sum, address) => sum + address.length, 0)
  if (bytes > MAX_MULTIADDR_BYTES)
    throw illegalArgument(`multiaddr size of ${bytes} exceeds maximum of ${MAX_MULTIADDR_BYTES}`)
}

/** Id of an account. */
export function accountOf({ draft }: Call, address: Address): number {
  const id = resolveId(draft, address)
  if (id === undefined) throw illegalArgument(`unable to resolve address ${address.toString('f')}`)
  const { kind } = actors.get(draft, id)!
  if (kind !== 'account') throw illegalArgument(`actor type must be an account, was ${kind}`)
  return id
}
