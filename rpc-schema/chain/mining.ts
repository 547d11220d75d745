import { z } from 'zod'
import { Bool, orNull } from '../rpc/zero-value.js'
import { AddressJson } from '../wire/address.js'
import { BeaconEntry } from '../wire/block-header.js'
import { CidJson } from '../wire/cid.js'
import { list } from '../wire/list.js'
import { SectorNumber, Uint64 } from '../wire/numbers.js'
import { RegisteredSealProof } from '../wire/proof-types.js'
import { TokenAmount } from '../wire/token-amount.js'

/** A sector that a winning PoSt must prove; `SectorKey` is the sealed CID from before a snap-up. */
export const ChallengedSector = z.object({
  SealProof: RegisteredSealProof,
  SectorNumber: SectorNumber,
  SectorKey: orNull(CidJson),
  SealedCID: CidJson,
})
export type ChallengedSector = z.infer<typeof ChallengedSector>

/** What a miner needs to try for a block; powers in bytes. */
export const MiningBaseInfo = z.object({
  MinerPower: TokenAmount,
  NetworkPower: TokenAmount,
  Sectors: list(ChallengedSector),
  WorkerKey: AddressJson,
  SectorSize: Uint64,
  PrevBeaconEntry: BeaconEntry,
  BeaconEntries: list(BeaconEntry),
  EligibleForMining: Bool,
})
export type MiningBaseInfo = z.infer<typeof MiningBaseInfo>
