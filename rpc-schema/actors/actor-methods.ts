import { address, bigInt, bitfield, type Cbor } from '../wire/cbor.js'
import { BatchReturn } from './batch-return.js'
import * as market from './market.js'
import * as control from './miner-control.js'
import * as post from './miner-post.js'
import { PreCommitSectorBatch2Params } from './miner-precommit.js'
import * as prove from './miner-prove-commit.js'
import * as update from './miner-replica-update.js'
import * as sectors from './miner-sectors.js'
import { CreateMinerParams, CreateMinerReturn } from './power.js'

export interface ActorMethod {
  readonly actor: ActorName
  readonly name: string
  readonly number: number
  /** Shape of the parameters; null when there are none. */
  readonly params: Cbor | null
  /** Shape of the return value; null when there is none. */
  readonly returns: Cbor | null
}

export type ActorName = 'miner' | 'power' | 'market'

/** A plain transfer of funds, to any actor. */
export const METHOD_SEND = 0

/** Numbers of the methods that a storage provider sends, by actor and name. */
export const METHODS = {
  miner: {
    ControlAddresses: 2,
    ChangeWorkerAddress: 3,
    ChangePeerID: 4,
    SubmitWindowedPoSt: 5,
    ExtendSectorExpiration: 8,
    TerminateSectors: 9,
    DeclareFaults: 10,
    DeclareFaultsRecovered: 11,
    WithdrawBalance: 16,
    ChangeMultiaddrs: 18,
    CompactPartitions: 19,
    CompactSectorNumbers: 20,
    ConfirmChangeWorkerAddress: 21,
    RepayDebt: 22,
    ChangeOwnerAddress: 23,
    DisputeWindowedPoSt: 24,
    ProveCommitAggregate: 26,
    ProveReplicaUpdates: 27,
    PreCommitSectorBatch2: 28,
    ChangeBeneficiary: 30,
    ExtendSectorExpiration2: 32,
    MovePartitions: 33,
    ProveCommitSectors3: 34,
    ProveReplicaUpdates3: 35,
    ProveCommitSectorsNI: 36,
  },
  power: { CreateMiner: 2 },
  market: { AddBalance: 2, WithdrawBalance: 3, PublishStorageDeals: 4 },
} as const

const SHAPES: {
  [A in ActorName]: { [N in keyof (typeof METHODS)[A]]: readonly [params: Cbor | null, returns: Cbor | null] }
} = {
  miner: {
    ControlAddresses: [null, control.ControlAddressesReturn],
    ChangeWorkerAddress: [control.ChangeWorkerAddressParams, null],
    ChangePeerID: [control.ChangePeerIDParams, null],
    SubmitWindowedPoSt: [post.SubmitWindowedPoStParams, null],
    ExtendSectorExpiration: [sectors.ExtendSectorExpirationParams, null],
    TerminateSectors: [sectors.TerminateSectorsParams, sectors.TerminateSectorsReturn],
    DeclareFaults: [post.DeclareFaultsParams, null],
    DeclareFaultsRecovered: [post.DeclareFaultsRecoveredParams, null],
    WithdrawBalance: [control.WithdrawBalanceParams, bigInt],
    ChangeMultiaddrs: [control.ChangeMultiaddrsParams, null],
    CompactPartitions: [sectors.CompactPartitionsParams, null],
    CompactSectorNumbers: [sectors.CompactSectorNumbersParams, null],
    ConfirmChangeWorkerAddress: [null, null],
    RepayDebt: [null, null],
    ChangeOwnerAddress: [address, null],
    DisputeWindowedPoSt: [post.DisputeWindowedPoStParams, null],
    ProveCommitAggregate: [prove.ProveCommitAggregateParams, null],
    ProveReplicaUpdates: [update.ProveReplicaUpdatesParams, bitfield],
    PreCommitSectorBatch2: [PreCommitSectorBatch2Params, null],
    ChangeBeneficiary: [control.ChangeBeneficiaryParams, null],
    ExtendSectorExpiration2: [sectors.ExtendSectorExpiration2Params, null],
    MovePartitions: [sectors.MovePartitionsParams, null],
    ProveCommitSectors3: [prove.ProveCommitSectors3Params, BatchReturn],
    ProveReplicaUpdates3: [update.ProveReplicaUpdates3Params, BatchReturn],
    ProveCommitSectorsNI: [prove.ProveCommitSectorsNIParams, BatchReturn],
  },
  power: { CreateMiner: [CreateMinerParams, CreateMinerReturn] },
  market: {
    AddBalance: [address, null],
    WithdrawBalance: [market.MarketWithdrawBalanceParams, bigInt],
    PublishStorageDeals: [market.PublishStorageDealsParams, market.PublishStorageDealsReturn],
  },
}

const methodsOf = (actor: ActorName): ActorMethod[] => {
  const shapes = SHAPES[actor] as Readonly<Record<string, readonly [Cbor | null, Cbor | null]>>
  return Object.entries(METHODS[actor]).map(([name, number]) => {
    const [params, returns] = shapes[name]!
    return { actor, name, number, params, returns }
  })
}

/** Every method with its shapes. */
export const ACTOR_METHODS: readonly ActorMethod[] = [
  ...methodsOf('miner'),
  ...methodsOf('power'),
  ...methodsOf('market'),
]

/**
 * A method by number (`28`, of the given actor) or name (`PreCommitSectorBatch2`, `power.CreateMiner`). Throws a RangeError for an
 * unknown one.
 */
export function actorMethod(method: number | string, actor: ActorName = 'miner'): ActorMethod {
  const [of, key] = splitActor(String(method), actor)
  const found = ACTOR_METHODS.find(row => row.actor === of && (row.name === key || String(row.number) === key))
  if (found === undefined) {
    const known = ACTOR_METHODS.filter(row => row.actor === of).map(row => `${row.number} ${row.name}`)
    throw new RangeError(
      known.length === 0
        ? `unknown actor ${JSON.stringify(of)}, expected one of ${Object.keys(METHODS).join(', ')}`
        : `unknown method ${JSON.stringify(key)} of the ${of} actor, expected one of: ${known.join(', ')}`,
    )
  }
  return found
}

function splitActor(method: string, actor: ActorName): [actor: string, key: string] {
  const dot = method.indexOf('.')
  return dot < 0 ? [actor, method] : [method.slice(0, dot), method.slice(dot + 1)]
}
