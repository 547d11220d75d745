import * as dagCbor from '@ipld/dag-cbor'
import type { lotusService } from '../../../rpc-schema/chain/index.js'
import type { Allocation, AllocationClaim } from '../../../rpc-schema/chain/verified-data.js'
import type { Handlers } from '../../../rpc-schema/rpc/method.js'
import { ADDRESS_PROTOCOLS, Address } from '../../../rpc-schema/wire/address.js'
import { chainCid } from '../../../rpc-schema/wire/cid.js'
import { DATACAP_UNIT } from '../actors/datacap.js'
import { CIRCULATING_SUPPLY } from '../actors/economics.js'
import type { Chain } from '../chain/chain.js'
import type { MessageSearch } from '../chain/message-search.js'
import { CONSENSUS_MINER_MIN_POWER } from '../chain/policy.js'
import { heightOf } from '../chain/tipset.js'
import {
  type ActorRecord,
  type AllocationRecord,
  allocations,
  type ClaimRecord,
  claims,
  dataCaps,
  miners,
  network,
} from '../state/records.js'
import type { StateView } from '../state/state-tree.js'
import { toTaggedJson } from '../state/tagged-json.js'
import { ACTOR_CODES } from './actor-codes.js'
import { actorOf, idOf, nodeError, tipsetOf } from './lookup.js'

type Methods = typeof lotusService.methods
type Served =
  | 'StateNetworkName'
  | 'StateNetworkVersion'
  | 'StateGetNetworkParams'
  | 'StateActorCodeCIDs'
  | 'StateGetActor'
  | 'StateLookupID'
  | 'StateLookupRobustAddress'
  | 'StateAccountKey'
  | 'StateSearchMsg'
  | 'StateWaitMsg'
  | 'StateVerifiedClientStatus'
  | 'StateGetAllocation'
  | 'StateGetAllocations'
  | 'StateGetClaim'
  | 'StateGetClaims'
  | 'StateCirculatingSupply'

const CHAIN_ID = 31_415_926

/** Every upgrade lies before the genesis, the newest lowest, and one name for what is still to come. */
const UPGRADES: Readonly<Record<string, number>> = Object.fromEntries(
  (
    'Smoke:-1 Breeze:-1 Ignition:-2 Liftoff:-6 Assembly:-5 Refuel:-3 Tape:-4 Kumquat:-7 BreezeGasTampingDuration:0 Calico:-9 ' +
    'Persian:-10 Orange:-11 Claus:-12 Trust:-13 Norwegian:-14 Turbo:-15 Hyperdrive:-16 Chocolate:-17 OhSnap:-18 Skyr:-19 ' +
    'Shark:-20 Hygge:-21 Lightning:-22 Thunder:-23 Watermelon:-24 Dragon:-25 Phoenix:-26 Waffle:-27 Tuktuk:-28 Teep:-29 ' +
    'Tock:-30 GoldenWeek:-31 FireHorse:-32 Xx:999999999'
  )
    .split(' ')
    .map(entry => entry.split(':') as [string, string])
    .map(([name, height]) => [name.endsWith('Duration') ? name : `Upgrade${name}Height`, Number(height)]),
)

export function stateApi(chain: Chain, search: MessageSearch): Pick<Handlers<Methods>, Served> {
  return {
    StateNetworkName: () => chain.network.name,
    StateNetworkVersion(key) {
      return chain.conditions.versionAt(heightOf(tipsetOf(chain, key)))
    },
    StateGetNetworkParams: () => ({
      NetworkName: chain.network.name,
      BlockDelaySecs: chain.network.blockDelaySecs,
      ConsensusMinerMinPower: CONSENSUS_MINER_MIN_POWER,
      PreCommitChallengeDelay: chain.network.challengeDelay,
      ForkUpgradeParams: UPGRADES,
      Eip155ChainID: CHAIN_ID,
      GenesisTimestamp: chain.network.genesisTimestamp,
    }),
    StateActorCodeCIDs(version) {
      if (!chain.conditions.versions.includes(version))
        throw nodeError(`actors of network version ${version} are not known here`)
      return ACTOR_CODES
    },
    StateGetActor(address, key) {
      const tipset = tipsetOf(chain, key)
      const actor = actorOf(tipset, address)
      return {
        Code: ACTOR_CODES[actor.kind]!,
        Head: stateHead(tipset.state, actor),
        Nonce: actor.nonce,
        Balance: actor.balance,
        DelegatedAddress: null,
      }
    },
    StateLookupID: (address, key) => Address.fromId(idOf(tipsetOf(chain, key), address), 't'),
    StateLookupRobustAddress(address, key) {
      const { robust } = actorOf(tipsetOf(chain, key), address)
      if (robust === undefined)
        throw nodeError(`address ${address.toString('t')} is a singleton without a robust address`)
      return Address.fromBytes(robust.bytes, 't')
    },
    StateAccountKey(address, key) {
      const keyed = [ADDRESS_PROTOCOLS.secp256k1, ADDRESS_PROTOCOLS.bls] as number[]
      if (keyed.includes(address.protocol)) return Address.fromBytes(address.bytes, 't')
      const actor = actorOf(tipsetOf(chain, key), address)
      if (actor.kind !== 'account' || actor.robust === undefined) {
        throw nodeError(
          `failed to get account actor state for ${address.toString('t')}: actor code is not account: ${actor.kind}`,
        )
      }
      return Address.fromBytes(actor.robust.bytes, 't')
    },
    StateSearchMsg: (from, cid, lookback, allowReplaced) =>
      search.search(from.length === 0 ? null : tipsetOf(chain, from), cid, lookback, allowReplaced),
    StateWaitMsg: (cid, confidence, lookback, allowReplaced, { signal }) =>
      search.wait(cid, confidence, lookback, allowReplaced, signal),
    StateVerifiedClientStatus(address, key) {
      const tipset = tipsetOf(chain, key)
      const cap = dataCaps.get(tipset.state, idOf(tipset, address))
      return cap === undefined ? null : cap / DATACAP_UNIT
    },
    StateGetAllocation(client, id, key) {
      const tipset = tipsetOf(chain, key)
      const found = allocations.get(tipset.state, id)
      return found?.client === idOf(tipset, client) ? allocationToWire(found) : null
    },
    StateGetAllocations(client, key) {
      const tipset = tipsetOf(chain, key)
      const owner = idOf(tipset, client)
      const open = all(network.get(tipset.state).allocations, id => allocations.get(tipset.state, id))
      return byId(
        open.filter(([, allocation]) => allocation.client === owner),
        allocationToWire,
      )
    },
    StateGetClaim(provider, id, key) {
      const tipset = tipsetOf(chain, key)
      const found = claims.get(tipset.state, id)
      return found?.provider === idOf(tipset, provider) ? claimToWire(found) : null
    },
    StateGetClaims(provider, key) {
      const tipset = tipsetOf(chain, key)
      const owner = idOf(tipset, provider)
      const made = all(network.get(tipset.state).claims, id => claims.get(tipset.state, id))
      return byId(
        made.filter(([, claim]) => claim.provider === owner),
        claimToWire,
      )
    },
    StateCirculatingSupply: () => CIRCULATING_SUPPLY,
  }
}

/** CID of an account's state is the real one; of other actors it names the records that the devnet keeps for them. */
function stateHead(state: StateView, actor: ActorRecord): ReturnType<typeof chainCid> {
  if (actor.kind === 'account' && actor.robust) return chainCid(dagCbor.encode([actor.robust.bytes]))
  return chainCid(dagCbor.encode([actor.kind, actor.id, toTaggedJson(miners.get(state, actor.id) ?? null)]))
}

const all = <V>(ids: Iterable<number>, get: (id: number) => V | undefined): [number, V][] =>
  [...ids].map(id => [id, get(id)!])

const byId = <V, W>(entries: readonly [number, V][], toWire: (value: V) => W): Record<string, W> =>
  Object.fromEntries(entries.map(([id, value]) => [String(id), toWire(value)]))

export const allocationToWire = (record: AllocationRecord): Allocation => ({
  Client: record.client,
  Provider: record.provider,
  Data: record.data,
  Size: record.size,
  TermMin: record.termMin,
  TermMax: record.termMax,
  Expiration: record.expiration,
})

const claimToWire = (record: ClaimRecord): AllocationClaim => ({
  Provider: record.provider,
  Client: record.client,
  Data: record.data,
  Size: record.size,
  TermMin: record.termMin,
  TermMax: record.termMax,
  TermStart: record.termStart,
  Sector: record.sector,
})
