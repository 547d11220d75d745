import type { lotusService } from '../../../rpc-schema/chain/index.js'
import type { SectorOnChainInfo } from '../../../rpc-schema/chain/sectors.js'
import { SECTOR_FLAGS } from '../../../rpc-schema/chain/sectors.js'
import type { Handlers } from '../../../rpc-schema/rpc/method.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import { newDeadlineInfo, nextNotElapsed } from '../../../rpc-schema/wire/deadline.js'
import { periodStart } from '../actors/deadline-assignment.js'
import {
  initialPledge,
  MINER_CREATION_DEPOSIT,
  preCommitDeposit,
  qualityAdjustedPower,
  quoted,
} from '../actors/economics.js'
import type { Chain } from '../chain/chain.js'
import { POLICY } from '../chain/policy.js'
import { heightOf } from '../chain/tipset.js'
import { minerControls } from '../state/miner-control.js'
import {
  availableBalance,
  type MinerRecord,
  network,
  preCommits,
  type SectorRecord,
  sectors,
} from '../state/records.js'
import type { StateView } from '../state/state-tree.js'
import { controlToWire } from './control.js'
import { minerOf, nodeError, tipsetOf } from './lookup.js'

type Methods = typeof lotusService.methods
type Served =
  | 'StateListMiners'
  | 'StateMinerInfo'
  | 'StateMinerPower'
  | 'StateMinerAvailableBalance'
  | 'StateMinerAllocated'
  | 'StateMinerSectorAllocated'
  | 'StateMinerDeadlines'
  | 'StateMinerPartitions'
  | 'StateMinerProvingDeadline'
  | 'StateMinerSectors'
  | 'StateMinerActiveSectors'
  | 'StateMinerSectorCount'
  | 'StateMinerFaults'
  | 'StateMinerRecoveries'
  | 'StateMinerPreCommitDepositForPower'
  | 'StateMinerInitialPledgeCollateral'
  | 'StateMinerInitialPledgeForSector'
  | 'StateMinerCreationDeposit'
  | 'StateSectorPreCommitInfo'
  | 'StateSectorGetInfo'
  | 'StateSectorExpiration'
  | 'StateSectorPartition'
  | 'StateComputeDataCID'

const idAddress = (id: number): Address => Address.fromId(id, 't')

/** No sector of this network has power: none has been proven in a WindowPoSt yet. */
const NO_POWER = { RawBytePower: 0n, QualityAdjPower: 0n }

export function minerApi(chain: Chain): Pick<Handlers<Methods>, Served> {
  return {
    StateListMiners: key => network.get(tipsetOf(chain, key).state).miners.map(idAddress),
    StateMinerInfo(address, key) {
      const tipset = tipsetOf(chain, key)
      const { id, miner } = minerOf(tipset, address)
      return {
        ...controlToWire(miner, minerControls.get(tipset.state, id, miner)),
        WindowPoStProofType: miner.windowPoStProof,
        SectorSize: miner.sectorSize,
        WindowPoStPartitionSectors: miner.partitionSectors,
        ConsensusFaultElapsed: -1,
      }
    },
    StateMinerPower(address, key) {
      minerOf(tipsetOf(chain, key), address)
      return { MinerPower: NO_POWER, TotalPower: NO_POWER, HasMinPower: false }
    },
    StateMinerAvailableBalance(address, key) {
      const tipset = tipsetOf(chain, key)
      return availableBalance(tipset.state, minerOf(tipset, address).id)
    },
    StateMinerAllocated: (address, key) => minerOf(tipsetOf(chain, key), address).miner.allocated,
    StateMinerSectorAllocated: (address, number, key) =>
      minerOf(tipsetOf(chain, key), address).miner.allocated.has(number),
    StateMinerDeadlines(address, key) {
      const { state, ...tipset } = tipsetOf(chain, key)
      const { id, miner } = minerOf({ state, ...tipset }, address)
      return miner.deadlines.map(partitions => ({
        PostSubmissions: Bitfield.EMPTY,
        DisputableProofCount: 0,
        DailyFee: partitions.reduce((sum, partition) => sum + dailyFees(state, id, partition.sectors), 0n),
      }))
    },
    StateMinerPartitions(address, deadline, key) {
      const { miner } = minerOf(tipsetOf(chain, key), address)
      const partitions = miner.deadlines[deadline]
      if (partitions === undefined) {
        throw nodeError(`failed to load the deadline: invalid deadline ${deadline}`)
      }
      return partitions.map(partition => ({
        AllSectors: partition.sectors,
        FaultySectors: Bitfield.EMPTY,
        RecoveringSectors: Bitfield.EMPTY,
        LiveSectors: partition.sectors,
        ActiveSectors: Bitfield.EMPTY,
      }))
    },
    StateMinerProvingDeadline(address, key) {
      const tipset = tipsetOf(chain, key)
      const epoch = heightOf(tipset)
      const start = periodStart(minerOf(tipset, address).miner, epoch)
      const index = Math.floor((epoch - start) / POLICY.deadlines.WPoStChallengeWindow)
      return nextNotElapsed(newDeadlineInfo(start, index, epoch, POLICY.deadlines))
    },
    StateMinerSectors(address, filter, key) {
      const { state, ...tipset } = tipsetOf(chain, key)
      const { id, miner } = minerOf({ state, ...tipset }, address)
      const wanted = filter === null ? miner.sectors : miner.sectors.intersect(filter)
      return wanted.toArray().map(number => toWire(sectors.get(state, id, number)!))
    },
    StateMinerActiveSectors(address, key) {
      minerOf(tipsetOf(chain, key), address)
      return []
    },
    StateMinerSectorCount: (address, key) => ({
      Live: minerOf(tipsetOf(chain, key), address).miner.sectors.count,
      Active: 0,
      Faulty: 0,
    }),
    StateMinerFaults(address, key) {
      minerOf(tipsetOf(chain, key), address)
      return Bitfield.EMPTY
    },
    StateMinerRecoveries(address, key) {
      minerOf(tipsetOf(chain, key), address)
      return Bitfield.EMPTY
    },
    StateMinerPreCommitDepositForPower: (address, _info, key) =>
      quoted(preCommitDeposit(minerOf(tipsetOf(chain, key), address).miner.sectorSize)),
    StateMinerInitialPledgeCollateral: (address, _info, key) =>
      quotedPledge(minerOf(tipsetOf(chain, key), address).miner.sectorSize, 0),
    StateMinerInitialPledgeForSector(_duration, size, verifiedSize, key) {
      tipsetOf(chain, key)
      if (verifiedSize > size) throw nodeError(`verified deal size ${verifiedSize} is larger than sector size ${size}`)
      return quotedPledge(size, verifiedSize)
    },
    StateMinerCreationDeposit: () => MINER_CREATION_DEPOSIT,
    StateSectorPreCommitInfo(address, number, key) {
      const tipset = tipsetOf(chain, key)
      const found = preCommits.get(tipset.state, minerOf(tipset, address).id, number)
      if (found === undefined) return null
      return {
        Info: {
          SealProof: found.sealProof,
          SectorNumber: found.number,
          SealedCID: found.sealedCid,
          SealRandEpoch: found.ticketEpoch,
          DealIDs: [],
          Expiration: found.expiration,
          UnsealedCid: found.unsealedCid,
        },
        PreCommitDeposit: found.deposit,
        PreCommitEpoch: found.epoch,
      }
    },
    StateSectorGetInfo(address, number, key) {
      const tipset = tipsetOf(chain, key)
      const found = sectors.get(tipset.state, minerOf(tipset, address).id, number)
      return found === undefined ? null : toWire(found)
    },
    StateSectorExpiration(address, number, key) {
      const tipset = tipsetOf(chain, key)
      const { id, miner } = minerOf(tipset, address)
      const found = sectors.get(tipset.state, id, number)
      if (found === undefined) throw nodeError(`failed to find sector ${number}`)
      return { OnTime: endOfDeadline(miner, found), Early: 0 }
    },
    StateSectorPartition(address, number, key) {
      const tipset = tipsetOf(chain, key)
      const found = sectors.get(tipset.state, minerOf(tipset, address).id, number)
      if (found === undefined) throw nodeError(`sector ${number} not due at any deadline`)
      return { Deadline: found.deadline, Partition: found.partition }
    },
    StateComputeDataCID(address, _proofType, deals, key) {
      minerOf(tipsetOf(chain, key), address)
      if (deals.length > 0) throw nodeError(`failed to get deal ${deals[0]}: no such deal`)
      return null
    },
  }
}

const quotedPledge = (size: number, verifiedSize: number): bigint =>
  quoted(initialPledge(qualityAdjustedPower(size, verifiedSize)))

function dailyFees(state: StateView, miner: number, numbers: Bitfield): bigint {
  let sum = 0n
  for (const number of numbers) sum += sectors.get(state, miner, number)!.dailyFee
  return sum
}

/** A sector ends with the last epoch of its deadline: in the first proving period in which that is not before its expiration. */
function endOfDeadline(miner: MinerRecord, sector: SectorRecord): number {
  const { WPoStProvingPeriod: period, WPoStChallengeWindow: window } = POLICY.deadlines
  const last = miner.periodOffset + (sector.deadline + 1) * window - 1
  return last + Math.ceil((sector.expiration - last) / period) * period
}

const toWire = (sector: SectorRecord): SectorOnChainInfo => ({
  SectorNumber: sector.number,
  SealProof: sector.sealProof,
  SealedCID: sector.sealedCid,
  Activation: sector.activation,
  Expiration: sector.expiration,
  DealWeight: sector.dealWeight,
  VerifiedDealWeight: sector.verifiedDealWeight,
  InitialPledge: sector.initialPledge,
  ExpectedDayReward: null,
  ExpectedStoragePledge: null,
  PowerBaseEpoch: sector.activation,
  ReplacedDayReward: null,
  SectorKeyCID: null,
  Flags: SECTOR_FLAGS.simpleQAPower,
  DailyFee: sector.dailyFee,
})
