import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import { type DevnetStatus, type devnetService, ENDPOINTS } from '../../../rpc-schema/devnet/index.js'
import { RPC_ERROR, RpcError } from '../../../rpc-schema/rpc/error.js'
import type { Handlers } from '../../../rpc-schema/rpc/method.js'
import type { Address } from '../../../rpc-schema/wire/address.js'
import { signedMessageCid, unfilledMessage } from '../../../rpc-schema/wire/message.js'
import { totalSupply } from '../actors/economics.js'
import type { EpochClock } from '../chain/epoch-clock.js'
import type { ServedHead } from '../chain/served-head.js'
import { heightOf, toWire } from '../chain/tipset.js'
import { type DealImportParts, importDeal } from '../market/deal-import.js'
import { actors, availableBalance, miners } from '../state/records.js'
import type { Faults } from './faults.js'
import { landedMessages } from './landed-messages.js'

/** Epochs made in one call at most, so that a slip of the keyboard does not occupy the chain for hours. */
const MAX_EPOCHS = 100_000

export interface AdminParts extends DealImportParts {
  readonly clock: EpochClock
  readonly faults: Faults
  readonly heads: Readonly<Record<(typeof ENDPOINTS)[number], ServedHead>>
  readonly epochMs: number
  readonly faucet: Address
}

export function adminApi(parts: AdminParts): Handlers<typeof devnetService.methods> {
  const { chain, clock, faults, mpool } = parts
  const head = (): TipSet => toWire(chain.head)
  const bounded = (count: number): number => {
    if (count > MAX_EPOCHS) throw new RpcError(RPC_ERROR.invalidParams, `at most ${MAX_EPOCHS} epochs at once`)
    return count
  }
  return {
    Status: () => status(parts),
    async Advance(count) {
      for (let left = bounded(count); left > 0; left--) await chain.produce()
      return head()
    },
    async NullRounds(count) {
      await chain.produce(bounded(count))
      return head()
    },
    async Reorg(depth) {
      await chain.reorg(depth)
      return head()
    },
    PauseMining: () => clock.stop(),
    ResumeMining: () => clock.start(),
    UpgradeNetwork: ({ Version, Epoch }) =>
      chain.conditions.upgrade({ version: Version, epoch: Epoch }, heightOf(chain.head)),
    async SetBaseFee(baseFee) {
      if (baseFee < 0n) throw new RpcError(RPC_ERROR.invalidParams, 'a base fee cannot be negative')
      await chain.conditions.setBaseFee(baseFee)
    },
    ForgetMessages: messages => mpool.forget(messages),
    HoldHead: ({ Endpoint, Behind }) => toWire(parts.heads[Endpoint].hold(Behind)),
    ReleaseHead: endpoint => parts.heads[endpoint].release(),
    Fail: fault => faults.add(fault),
    ClearFaults: () => faults.clear(),
    async FundAddress(address, amount) {
      const signed = await mpool.pushMessage(
        unfilledMessage({ From: parts.faucet, To: address, Value: amount, Method: 0, Params: new Uint8Array() }),
        null,
      )
      return signedMessageCid(signed)
    },
    Messages: filter => landedMessages(chain, filter),
    ImportDeal: (deal, { signal }) => importDeal(parts, deal, signal),
  }
}

function status({ chain, clock, heads, faults, epochMs, market }: AdminParts): DevnetStatus {
  const { head, network, pool, conditions } = chain
  const keyOf = (id: number): Address => actors.get(head.state, id)!.robust!
  return {
    Network: network.name,
    Height: heightOf(head),
    Head: head.cid,
    EpochMs: epochMs,
    Mining: clock.isRunning,
    Pending: pool.size,
    NetworkVersion: conditions.versionAt(heightOf(head)),
    Upgrades: conditions.upgrades.map(({ version, epoch }) => ({ Version: version, Epoch: epoch })),
    BaseFee: conditions.baseFee,
    HeldHeads: ENDPOINTS.filter(endpoint => heads[endpoint].isHeld),
    Miners: network.miners.map(({ id }) => {
      const miner = miners.get(head.state, id)!
      return {
        Miner: id,
        Owner: keyOf(miner.owner),
        Worker: keyOf(miner.worker),
        Control: keyOf(miner.controls[0] ?? miner.worker),
        Available: availableBalance(head.state, id),
        PreCommitted: miner.preCommitted.count,
        Sectors: miner.sectors.count,
      }
    }),
    TotalSupply: totalSupply(head.state),
    Faults: [...faults.list],
    Deals: market.status(),
  }
}
