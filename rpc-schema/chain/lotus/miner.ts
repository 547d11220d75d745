import { method, param } from '../../rpc/method.js'
import { Bool, orNull } from '../../rpc/zero-value.js'
import { AddressJson } from '../../wire/address.js'
import { BitfieldJson } from '../../wire/bitfield.js'
import { CidJson } from '../../wire/cid.js'
import { DeadlineInfo } from '../../wire/deadline.js'
import { list } from '../../wire/list.js'
import { ChainEpoch, DealId, SectorNumber, Uint64 } from '../../wire/numbers.js'
import { RegisteredSealProof } from '../../wire/proof-types.js'
import { TipSetKey } from '../../wire/tipset-key.js'
import { TokenAmount } from '../../wire/token-amount.js'
import { StateMinerInfo } from '../miner-info.js'
import { MiningBaseInfo } from '../mining.js'
import { Deadline, MinerSectors, Partition } from '../partitions.js'
import { MinerPower } from '../power.js'
import {
  SectorExpiration,
  SectorLocation,
  SectorOnChainInfo,
  SectorPreCommitInfo,
  SectorPreCommitOnChainInfo,
} from '../sectors.js'

const miner = param('miner', AddressJson)
const sector = param('sector', SectorNumber)
const tsk = param('tsk', TipSetKey)
const preCommit = param('info', SectorPreCommitInfo)

/** The state of a miner actor. An empty tipset key is the head. */
export const minerMethods = {
  StateListMiners: method('All miner actors.', [tsk], list(AddressJson)),
  StateMinerInfo: method('Owner, worker and constants of a miner.', [miner, tsk], StateMinerInfo),
  StateMinerPower: method('Power of a miner and of the network.', [miner, tsk], MinerPower),
  StateMinerAvailableBalance: method('attoFIL of a miner that are not locked.', [miner, tsk], TokenAmount),
  StateMinerAllocated: method('Sector numbers that are used up.', [miner, tsk], orNull(BitfieldJson)),
  StateMinerSectorAllocated: method('Whether a sector number is used up.', [miner, sector, tsk], Bool),
  StateMinerDeadlines: method('The deadlines of a miner in their order.', [miner, tsk], list(Deadline)),
  StateMinerPartitions: method(
    'The partitions of a deadline.',
    [miner, param('deadline', Uint64), tsk],
    list(Partition),
  ),
  StateMinerProvingDeadline: method('The present deadline of a miner.', [miner, tsk], DeadlineInfo),
  StateMinerSectors: method(
    'Proven sectors: those in the filter, or all when it is null.',
    [miner, param('filter', orNull(BitfieldJson)), tsk],
    list(SectorOnChainInfo),
  ),
  StateMinerActiveSectors: method('Sectors that have power.', [miner, tsk], list(SectorOnChainInfo)),
  StateMinerSectorCount: method('How many sectors a miner has.', [miner, tsk], MinerSectors),
  StateMinerFaults: method('Faulty sectors.', [miner, tsk], BitfieldJson),
  StateMinerRecoveries: method('Sectors declared as recovering.', [miner, tsk], BitfieldJson),
  StateMinerPreCommitDepositForPower: method(
    'attoFIL to be deposited for a pre-commit.',
    [miner, preCommit, tsk],
    TokenAmount,
  ),
  StateMinerInitialPledgeCollateral: method(
    'attoFIL to be pledged for a sector.',
    [miner, preCommit, tsk],
    TokenAmount,
  ),
  StateMinerInitialPledgeForSector: method(
    'attoFIL to be pledged for a sector of this lifetime (epochs), size and verified part of it (bytes).',
    [param('duration', ChainEpoch), param('sectorSize', Uint64), param('verifiedSize', Uint64), tsk],
    TokenAmount,
  ),
  StateMinerCreationDeposit: method('attoFIL to be deposited for a new miner.', [tsk], TokenAmount),
  StateSectorPreCommitInfo: method(
    'The pre-commit of a sector; null when there is none, or no longer.',
    [miner, sector, tsk],
    orNull(SectorPreCommitOnChainInfo),
  ),
  StateSectorGetInfo: method(
    'A proven sector; null when there is none.',
    [miner, sector, tsk],
    orNull(SectorOnChainInfo),
  ),
  StateSectorExpiration: method('When a sector ends.', [miner, sector, tsk], SectorExpiration),
  StateSectorPartition: method('Deadline and partition of a proven sector.', [miner, sector, tsk], SectorLocation),
  StateComputeDataCID: method(
    'The unsealed CID of a sector with these deals; null without deals.',
    [miner, param('sealProofType', RegisteredSealProof), param('deals', list(DealId)), tsk],
    orNull(CidJson),
  ),
  MinerGetBaseInfo: method(
    'What is needed to try for a block; null for a miner without power.',
    [miner, param('epoch', ChainEpoch), tsk],
    orNull(MiningBaseInfo),
  ),
} as const
