import { CreateMinerParams, CreateMinerReturn } from '../../../rpc-schema/actors/power.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { SEAL_PROOFS } from '../../../rpc-schema/wire/proof-types.js'
import { formatFil } from '../../../rpc-schema/wire/token-amount.js'
import { windowPoStOf } from '../chain/policy.js'
import { minerControls } from '../state/miner-control.js'
import { newMiner } from '../state/new-miner.js'
import { actors, createActor, transfer } from '../state/records.js'
import { decodeParams, illegalArgument, insufficientFunds } from '../vm/abort.js'
import type { Call, Machine } from '../vm/machine.js'
import { MINER_CREATION_DEPOSIT } from './economics.js'
import { accountOf, checkMultiaddrs, checkPeerId } from './miner-control.js'

/** Method 2 of f04. The deposit becomes the miner's balance; that it is locked at first, and vests, is left out. */
export function createMiner(machine: Machine, call: Call): Uint8Array {
  const { Owner, Worker, WindowPoStProofType, Peer, Multiaddrs } = decodeParams(CreateMinerParams, call.params)
  const proof = SEAL_PROOFS.find(row => row.number >= 5 && windowPoStOf(row) === WindowPoStProofType)
  if (proof === undefined) throw illegalArgument(`proof type ${WindowPoStProofType} not allowed for new miner actors`)
  checkPeerId(Peer)
  checkMultiaddrs(Multiaddrs)
  const owner = accountOf(call, Owner)
  const worker = accountOf(call, Worker)
  if (call.value < MINER_CREATION_DEPOSIT)
    throw insufficientFunds(
      `not enough balance for create miner deposit: ${formatFil(call.value)} < ${formatFil(MINER_CREATION_DEPOSIT)}`,
    )
  const sender = actors.get(call.draft, call.from)!
  const robust = Address.fromActorData(new TextEncoder().encode(`${sender.robust ?? sender.id}/${sender.nonce}`))
  const { id } = createActor(call.draft, { kind: 'storageminer', balance: 0n, robust })
  newMiner(call.draft, id, { robust, proof, owner, worker, controls: [] }, machine)
  minerControls.put(
    call.draft,
    { ...minerControls.get(call.draft, id, { owner }), peerId: Peer, multiaddrs: Multiaddrs },
    id,
  )
  transfer(call.draft, call.to, id, call.value)
  return CreateMinerReturn.encode({ IDAddress: Address.fromId(id), RobustAddress: robust })
}
