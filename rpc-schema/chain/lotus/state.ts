import { z } from 'zod'
import { method, param } from '../../rpc/method.js'
import { Bool, orNull } from '../../rpc/zero-value.js'
import { AddressJson } from '../../wire/address.js'
import { CidJson } from '../../wire/cid.js'
import { Message } from '../../wire/message.js'
import { AllocationId, ChainEpoch, DealId, PaddedPieceSize, Uint64 } from '../../wire/numbers.js'
import { TipSetKey } from '../../wire/tipset-key.js'
import { TokenAmount } from '../../wire/token-amount.js'
import { Actor, ActorState } from '../actor.js'
import { InvocResult } from '../gas.js'
import { DealCollateralBounds, MarketBalance, MarketDeal } from '../market-deal.js'
import { NetworkParams } from '../network-params.js'
import { CirculatingSupply } from '../power.js'
import { MsgLookup } from '../receipt.js'
import { Allocation, AllocationClaim, byId } from '../verified-data.js'

const tsk = param('tsk', TipSetKey)
const address = param('address', AddressJson)
const cid = param('cid', CidJson)
const deal = param('dealId', DealId)
const networkVersion = param('networkVersion', Uint64)
/** How many epochs to look back; −1 is without limit. */
const lookback = param('lookback', ChainEpoch)
const allowReplaced = param('allowReplaced', Bool)

/** Actors, messages, deals, allocations and constants of the network. An empty tipset key is the head. */
export const stateMethods = {
  StateNetworkName: method('The name of the network.', [], z.string()),
  StateNetworkVersion: method('The version of the network.', [tsk], Uint64),
  StateGetNetworkParams: method('Constants of the network.', [], NetworkParams),
  StateActorCodeCIDs: method(
    'Code of the actors of a network version.',
    [networkVersion],
    z.record(z.string(), CidJson),
  ),
  StateActorManifestCID: method('The manifest of the actors of a network version.', [networkVersion], CidJson),
  StateGetActor: method('An actor: code, state, balance.', [address, tsk], Actor),
  StateReadState: method('An actor with its state in JSON.', [address, tsk], ActorState),
  StateLookupID: method('The ID address of an address.', [address, tsk], AddressJson),
  StateLookupRobustAddress: method(
    'The address of an ID address that a reorg cannot change.',
    [address, tsk],
    AddressJson,
  ),
  StateAccountKey: method('The key address of an account.', [address, tsk], AddressJson),
  StateCall: method('Runs a message without sending it.', [param('message', Message), tsk], InvocResult),
  StateReplay: method('Runs an executed message again.', [tsk, cid], InvocResult),
  StateSearchMsg: method(
    'Looks for an executed message; null when it is pending or further back. A CID that the node never saw is an error.',
    [param('from', TipSetKey), cid, lookback, allowReplaced],
    orNull(MsgLookup),
  ),
  StateWaitMsg: method(
    'Waits until a message has been executed and is `confidence` epochs deep.',
    [cid, param('confidence', Uint64), lookback, allowReplaced],
    MsgLookup,
  ),
  StateMarketBalance: method('attoFIL of an address in the market.', [address, tsk], MarketBalance),
  StateMarketStorageDeal: method('A deal of the built-in market.', [deal, tsk], MarketDeal),
  StateDealProviderCollateralBounds: method(
    'Least and most attoFIL a provider may pledge for a deal.',
    [param('size', PaddedPieceSize), param('verified', Bool), tsk],
    DealCollateralBounds,
  ),
  StateVerifiedClientStatus: method(
    'Bytes of data cap of a client; null without one.',
    [address, tsk],
    orNull(TokenAmount),
  ),
  StateGetAllocation: method(
    'An allocation of a client; null when there is none.',
    [param('client', AddressJson), param('allocationId', AllocationId), tsk],
    orNull(Allocation),
  ),
  StateGetAllocations: method(
    'All allocations of a client, by id.',
    [param('client', AddressJson), tsk],
    byId(Allocation),
  ),
  StateGetAllocationForPendingDeal: method(
    'The allocation of a deal that is not active yet.',
    [deal, tsk],
    orNull(Allocation),
  ),
  StateGetAllocationIdForPendingDeal: method(
    'The id of the allocation of a deal that is not active yet; 0 without one.',
    [deal, tsk],
    AllocationId,
  ),
  StateGetClaim: method(
    'A claim of a provider; null when there is none.',
    [param('provider', AddressJson), param('claimId', AllocationId), tsk],
    orNull(AllocationClaim),
  ),
  StateGetClaims: method(
    'All claims of a provider, by id.',
    [param('provider', AddressJson), tsk],
    byId(AllocationClaim),
  ),
  StateCirculatingSupply: method('attoFIL in circulation.', [tsk], TokenAmount),
  StateVMCirculatingSupplyInternal: method('attoFIL in circulation, in parts.', [tsk], CirculatingSupply),
} as const
