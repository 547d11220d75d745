import type {
  sectorNumberMethods,
  Pledge as WirePledge,
  NumberSkip as WireSkip,
} from '../../../rpc-schema/manager/sector-numbers.js'
import type { Handlers } from '../../../rpc-schema/rpc/method.js'
import { largestWithin } from '../allocation/number-choice.js'
import type { NumberSkip } from '../allocation/number-repository.js'
import type { Pledge } from '../allocation/pledge-repository.js'
import { rulesOf } from '../allocation/sector-allocation.js'
import type { MinerSetup } from '../config/load-settings.js'
import type { Rooms } from './rooms.js'

const PLEDGES_A_PAGE = 1_000

/** How numbers are given, and sectors that operators ask for. */
export function numbersApi({ miners, allocation, numbers, pledges, storedNumbers, book }: Rooms) {
  const configured = (miner: number): MinerSetup => {
    const setup = miners.get(miner)
    if (setup === undefined) throw new Error(`config for miner actor ${miner} not found`)
    return setup
  }
  return {
    SectorNumbers: async miner => {
      const rules = rulesOf(configured(miner))
      const [used, last, recorded, stored, sealing, waiting, skips] = await Promise.all([
        allocation.usedOnChain(miner),
        numbers.last(miner),
        book.largest(miner, rules.max),
        storedNumbers.largest(miner, rules.max),
        book.countSealing(miner),
        pledges.countWaiting(miner),
        numbers.skips(miner),
      ])
      return {
        Miner: miner,
        Last: last,
        Min: rules.min,
        Max: rules.max,
        Recorded: recorded?.number ?? null,
        OnChain: largestWithin(used, rules) ?? null,
        Stored: stored ?? null,
        Sealing: sealing,
        MaxSealing: rules.maxSealing,
        PledgeOnly: rules.pledgeOnly,
        PledgesWaiting: waiting,
        Skips: skips.map(wireSkip),
      }
    },
    UsedSectorNumbers: miner => allocation.usedOnChain(miner),
    RaiseSectorNumber: async (miner, above, reason) => {
      const { max } = rulesOf(configured(miner))
      if (max !== null && above > max) throw new Error(`above: expected at most MaxNumber (${max}), found ${above}`)
      return numbers.raise(miner, above, reason || 'raised by an operator')
    },
    PledgeSectors: async (miner, count, request) => {
      if (!configured(miner).Sector.Enabled)
        throw new Error(`miner ${miner} gets no new sectors: [Miners.Sector] Enabled is false`)
      return (await pledges.ask(miner, count, request)).map(wirePledge)
    },
    Pledges: async (miner, state, after, limit) => {
      const most = Math.min(limit > 0 ? limit : PLEDGES_A_PAGE, PLEDGES_A_PAGE)
      const found = await pledges.list({ miner, state }, after ?? 0, most)
      return { Pledges: found.map(wirePledge), Next: found.length < most ? null : found.at(-1)!.id }
    },
    CancelPledges: ids => pledges.cancel(ids),
  } satisfies Handlers<typeof sectorNumberMethods>
}

const wireSkip = ({ at, before, after, reason }: NumberSkip): WireSkip => ({
  At: at,
  Before: before,
  After: after,
  Reason: reason,
})

const wirePledge = ({ id, miner, state, number, askedAt, settledAt }: Pledge): WirePledge => ({
  ID: id,
  Miner: miner,
  State: state,
  Number: number,
  AskedAt: askedAt,
  SettledAt: settledAt,
})
