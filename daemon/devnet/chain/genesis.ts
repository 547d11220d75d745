import { Address } from '../../../rpc-schema/wire/address.js'
import { SEAL_PROOFS } from '../../../rpc-schema/wire/proof-types.js'
import { FIL } from '../../../rpc-schema/wire/token-amount.js'
import { DATACAP_UNIT } from '../actors/datacap.js'
import { newMiner } from '../state/new-miner.js'
import {
  type ActorKind,
  actors,
  createActor,
  dataCaps,
  type MinerRecord,
  network as networkRecord,
  SINGLETONS,
} from '../state/records.js'
import { StateDraft, StateTree } from '../state/state-tree.js'
import type { Wallet } from '../wallet/wallet.js'
import type { Network } from './network.js'

const BALANCES = {
  faucet: 1_000_000_000n * FIL,
  client: 1_000_000n * FIL,
  owner: 100_000n * FIL,
  worker: 100_000n * FIL,
  control: 100_000n * FIL,
  /** The rest of the two billion, as on every network. */
  reward: 900_000_000n * FIL,
} as const

/** Data cap of the client that the market's deals are made for: 1 PiB. */
const CLIENT_DATACAP = 2n ** 50n * DATACAP_UNIT

const SINGLETON_KINDS: Record<keyof typeof SINGLETONS, ActorKind> = {
  system: 'system',
  init: 'init',
  reward: 'reward',
  power: 'storagepower',
  market: 'storagemarket',
  verifiedregistry: 'verifiedregistry',
  datacap: 'datacap',
  burn: 'account',
}

/** Accounts of the network that are not a miner's own. */
export const FAUCET = 'faucet'
export const CLIENT = 'client'

/** Addresses of the accounts that the network starts with; their keys go into the wallet. */
export interface GenesisAccounts {
  readonly faucet: Address
  readonly client: Address
  /** Worker of the first miner: what the node sends from when nothing else is said. */
  readonly worker: Address
}

/** Puts the keys of the network's accounts into the wallet. */
export function genesisAccounts(network: Network, wallet: Wallet): GenesisAccounts {
  const derive = (name: string): Address => wallet.derive(network.seed, name)
  const workers = network.miners.map(({ id }) => {
    derive(`owner-${id}`)
    derive(`control-${id}`)
    return derive(`worker-${id}`)
  })
  return { faucet: derive(FAUCET), client: derive(CLIENT), worker: workers[0]! }
}

/** The state that everything begins with. */
export function genesisState(network: Network, wallet: Wallet): StateTree {
  const draft = new StateDraft(StateTree.EMPTY)
  for (const [name, id] of Object.entries(SINGLETONS)) {
    const kind = SINGLETON_KINDS[name as keyof typeof SINGLETONS]
    createActor(draft, { kind, balance: name === 'reward' ? BALANCES.reward : 0n }, id)
  }
  const account = (name: string, balance: bigint): number =>
    createActor(draft, { kind: 'account', balance, robust: wallet.derive(network.seed, name) }).id
  account(FAUCET, BALANCES.faucet)
  dataCaps.put(draft, CLIENT_DATACAP, account(CLIENT, BALANCES.client))
  for (const miner of network.miners) {
    const [owner, worker, control] = (['owner', 'worker', 'control'] as const).map(role =>
      account(`${role}-${miner.id}`, BALANCES[role]),
    )
    createMiner(draft, network, miner, { owner: owner!, worker: worker!, controls: [control!] })
  }
  networkRecord.update(draft, {
    nextActorId: Math.max(...network.miners.map(({ id }) => id), networkRecord.get(draft).nextActorId - 1) + 1,
  })
  return StateTree.of(draft.changes())
}

function createMiner(
  draft: StateDraft,
  network: Network,
  { id, sectorSize }: Network['miners'][number],
  addresses: Pick<MinerRecord, 'owner' | 'worker' | 'controls'>,
): void {
  const proof = SEAL_PROOFS.find(row => row.sectorSize === sectorSize && row.number >= 5)
  if (proof === undefined) throw new RangeError(`miner ${id}: no sector has ${sectorSize} bytes`)
  if (actors.get(draft, id) !== undefined) throw new RangeError(`miner ${id}: the network has an actor of that id`)
  const robust = Address.fromActorData(new TextEncoder().encode(`${network.seed}/miner-${id}`), 't')
  createActor(draft, { kind: 'storageminer', balance: network.minerBalance, robust }, id)
  newMiner(draft, id, { ...addresses, proof, robust }, { epoch: 0, deadlines: network.deadlines })
}
