import type { lotusService } from '../../../rpc-schema/chain/index.js'
import type { Handlers } from '../../../rpc-schema/rpc/method.js'
import { chainCid } from '../../../rpc-schema/wire/cid.js'
import { currentDeadline } from '../actors/proving-period.js'
import type { Chain } from '../chain/chain.js'
import { heightOf } from '../chain/tipset.js'
import { minerControls } from '../state/miner-control.js'
import { miners } from '../state/records.js'
import { ACTOR_CODES } from './actor-codes.js'
import { actorOf, nodeError, tipsetOf } from './lookup.js'

/** Parts of the state lie in trees of their own on a real chain; here nothing can be read under their CIDs. */
const link = (miner: number, part: string) => ({
  '/': chainCid(new TextEncoder().encode(`${miner}/${part}`)).toString(),
})

/** The state of a miner, as far as it is told in itself. */
export function readStateApi(chain: Chain): Pick<Handlers<typeof lotusService.methods>, 'StateReadState'> {
  return {
    StateReadState(address, key) {
      const tipset = tipsetOf(chain, key)
      const { state } = tipset
      const { id, kind, balance } = actorOf(tipset, address)
      const miner = miners.get(state, id)
      if (miner === undefined) throw nodeError(`the state of ${kind} actors is not told here`)
      const current = currentDeadline(miner, heightOf(tipset), chain.network.deadlines)
      return {
        Balance: balance,
        Code: ACTOR_CODES[kind]!,
        State: {
          Info: link(id, 'Info'),
          PreCommitDeposits: miner.preCommitDeposits.toString(),
          LockedFunds: '0',
          VestingFunds: null,
          FeeDebt: minerControls.get(state, id, miner).feeDebt.toString(),
          InitialPledge: miner.initialPledge.toString(),
          PreCommittedSectors: link(id, 'PreCommittedSectors'),
          PreCommittedSectorsCleanUp: link(id, 'PreCommittedSectorsCleanUp'),
          AllocatedSectors: link(id, 'AllocatedSectors'),
          Sectors: link(id, 'Sectors'),
          ProvingPeriodStart: current.PeriodStart,
          CurrentDeadline: current.Index,
          Deadlines: link(id, 'Deadlines'),
          EarlyTerminations: [0],
          DeadlineCronActive: !miner.sectors.isEmpty,
        },
      }
    },
  }
}
