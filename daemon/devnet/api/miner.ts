import type { lotusService } from '../../../rpc-schema/chain/index.js'
import type { Claim } from '../../../rpc-schema/chain/power.js'
import type { SectorOnChainInfo } from '../../../rpc-schema/chain/sectors.js'
import { SECTOR_FLAGS } from '../../../rpc-schema/chain/sectors.js'
import type { Handlers } from '../../../rpc-schema/rpc/method.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import {
  initialPledge,
  MINER_CREATION_DEPOSIT,
  preCommitDeposit,
  qualityAdjustedPower,
  quoted,
} from '../actors/economics.js'
import { activeSectors, liveSectors } from '../actors/partition.js'
import { currentDeadline } from '../actors/proving-period.js'
import { allPartitions, deadlineOf, partitionsOf, powerOf } from '../actors/proving-set.js'
import type { Chain } from '../chain/chain.js'
import { CONSENSUS_MINER_MIN_POWER } from '../chain/policy.js'
import { type ChainTipSet, heightOf } from '../chain/tipset.js'
import { minerControls } from '../state/miner-control.js'
import {
  availableBalance,
  network,
  type PartitionRecord,
  type PowerRecord,
  partitions,
  preCommits,
  type SectorRecord,
  sectors,
} from '../state/records.js'
import { trustedPosts } from '../state/trusted-posts.js'
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

const powerToWire = (powers: readonly PowerRecord[]): Claim => ({
  RawBytePower: powers.reduce((sum, { raw }) => sum + raw, 0n),
  QualityAdjPower: powers.reduce((sum, { qualityAdjusted }) => sum + qualityAdjusted, 0n),
})

const union = (fields: readonly Bitfield[]): Bitfield => fields.reduce((all, field) => all.union(field), Bitfield.EMPTY)

export function minerApi(chain: Chain): Pick<Handlers<Methods>, Served> {
  const constants = chain.network.deadlines
  /** All partitions of a miner. */
  const provingOf = (tipset: ChainTipSet, address: Address) => {
    const { id } = minerOf(tipset, address)
    return { state: tipset.state, id, partitions: [...allPartitions(tipset.state, id, constants)] }
  }
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
      const tipset = tipsetOf(chain, key)
      const own = powerOf(tipset.state, minerOf(tipset, address).id)
      const all = network.get(tipset.state).miners.map(id => powerOf(tipset.state, id))
      return {
        MinerPower: powerToWire([own]),
        TotalPower: powerToWire(all),
        HasMinPower: own.qualityAdjusted >= CONSENSUS_MINER_MIN_POWER,
      }
    },
    StateMinerAvailableBalance(address, key) {
      const tipset = tipsetOf(chain, key)
      return availableBalance(tipset.state, minerOf(tipset, address).id)
    },
    StateMinerAllocated: (address, key) => minerOf(tipsetOf(chain, key), address).miner.allocated,
    StateMinerSectorAllocated: (address, number, key) =>
      minerOf(tipsetOf(chain, key), address).miner.allocated.has(number),
    StateMinerDeadlines(address, key) {
      const tipset = tipsetOf(chain, key)
      const { id } = minerOf(tipset, address)
      return Array.from({ length: constants.WPoStPeriodDeadlines }, (_, index) => {
        const { posted, dailyFee } = deadlineOf(tipset.state, id, index)
        const disputable = trustedPosts.get(tipset.state, id, index).closed.filter(post => post !== null)
        return { PostSubmissions: posted, DisputableProofCount: disputable.length, DailyFee: dailyFee }
      })
    },
    StateMinerPartitions(address, deadline, key) {
      const tipset = tipsetOf(chain, key)
      const { id } = minerOf(tipset, address)
      if (deadline >= constants.WPoStPeriodDeadlines) {
        throw nodeError(`failed to load the deadline: invalid deadline ${deadline}`)
      }
      return [...partitionsOf(tipset.state, id, deadline)].map(([, partition]) => ({
        AllSectors: partition.sectors,
        FaultySectors: partition.faulty,
        RecoveringSectors: partition.recovering,
        LiveSectors: liveSectors(partition),
        ActiveSectors: activeSectors(partition),
      }))
    },
    StateMinerProvingDeadline(address, key) {
      const tipset = tipsetOf(chain, key)
      return currentDeadline(minerOf(tipset, address).miner, heightOf(tipset), constants)
    },
    StateMinerSectors(address, filter, key) {
      const { state, ...tipset } = tipsetOf(chain, key)
      const { id, miner } = minerOf({ state, ...tipset }, address)
      const wanted = filter === null ? miner.sectors : miner.sectors.intersect(filter)
      return wanted.toArray().map(number => toWire(sectors.get(state, id, number)!))
    },
    StateMinerActiveSectors(address, key) {
      const { state, id, partitions } = provingOf(tipsetOf(chain, key), address)
      const active = union(partitions.map(activeSectors))
      return active.toArray().map(number => toWire(sectors.get(state, id, number)!))
    },
    StateMinerSectorCount(address, key) {
      const { partitions } = provingOf(tipsetOf(chain, key), address)
      const count = (of: (partition: PartitionRecord) => Bitfield): number =>
        partitions.reduce((sum, partition) => sum + of(partition).count, 0)
      return { Live: count(liveSectors), Active: count(activeSectors), Faulty: count(({ faulty }) => faulty) }
    },
    StateMinerFaults: (address, key) =>
      union(provingOf(tipsetOf(chain, key), address).partitions.map(({ faulty }) => faulty)),
    StateMinerRecoveries: (address, key) =>
      union(provingOf(tipsetOf(chain, key), address).partitions.map(({ recovering }) => recovering)),
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
      const { id } = minerOf(tipset, address)
      const found = sectors.get(tipset.state, id, number)
      const queue =
        found === undefined ? [] : partitions.get(tipset.state, id, found.deadline, found.partition)!.expirations
      const epochIn = (kind: 'onTime' | 'early'): number => queue.find(set => set[kind].has(number))?.epoch ?? 0
      const [OnTime, Early] = [epochIn('onTime'), epochIn('early')]
      if (OnTime === 0 && Early === 0) throw nodeError(`failed to find sector ${number}`)
      return { OnTime, Early }
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
  PowerBaseEpoch: sector.powerBaseEpoch,
  ReplacedDayReward: null,
  SectorKeyCID: sector.sectorKeyCid,
  Flags: SECTOR_FLAGS.simpleQAPower,
  DailyFee: sector.dailyFee,
})
