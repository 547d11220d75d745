import { z } from 'zod'
import { method, param } from '../rpc/method.js'
import { orNull, Text } from '../rpc/zero-value.js'
import { BitfieldJson } from '../wire/bitfield.js'
import { list } from '../wire/list.js'
import { ActorId, Int64, SectorNumber, Uint64 } from '../wire/numbers.js'

/** Numbers that were left out on purpose: those above `Before`, up to `After`. `At` in milliseconds since the Unix epoch. */
export const NumberSkip = z.object({ At: Int64, Before: SectorNumber, After: SectorNumber, Reason: Text })
export type NumberSkip = z.infer<typeof NumberSkip>

/** How the numbers of a miner stand. New ones are above `Min`, up to `Max`. `Skips`: the newest first. */
export const MinerNumbers = z.object({
  Miner: ActorId,
  Last: SectorNumber,
  Min: SectorNumber,
  Max: orNull(SectorNumber),
  /** The largest within the limits that has a record, that the chain has used up, and that has files in a store. */
  Recorded: orNull(SectorNumber),
  OnChain: orNull(SectorNumber),
  Stored: orNull(SectorNumber),
  Sealing: Uint64,
  /** 0 is no limit. */
  MaxSealing: Uint64,
  PledgeOnly: z.boolean(),
  PledgesWaiting: Uint64,
  Skips: list(NumberSkip),
})
export type MinerNumbers = z.infer<typeof MinerNumbers>

export const PLEDGE_STATES = ['waiting', 'given', 'cancelled'] as const

/** A sector that was asked for; `Number` is the sector that it became. Times in milliseconds since the Unix epoch. */
export const Pledge = z.object({
  ID: Uint64,
  Miner: ActorId,
  State: z.enum(PLEDGE_STATES),
  Number: orNull(SectorNumber),
  AskedAt: Int64,
  SettledAt: orNull(Int64),
})
export type Pledge = z.infer<typeof Pledge>

/** `Next`: the id to go on behind; null on the last page. */
export const PledgePage = z.object({ Pledges: list(Pledge), Next: orNull(Uint64) })
export type PledgePage = z.infer<typeof PledgePage>

const miner = param('miner', ActorId)

export const sectorNumberMethods = {
  SectorNumbers: method('How the numbers of a miner stand.', [miner], MinerNumbers),
  UsedSectorNumbers: method('The numbers of a miner that the chain has used up.', [miner], BitfieldJson),
  RaiseSectorNumber: method(
    'Leaves out the numbers up to `above`; answers the last number. Numbers never go back.',
    [miner, param('above', SectorNumber), param('reason', Text)],
    SectorNumber,
    { permission: 'admin' },
  ),
  PledgeSectors: method(
    'Asks for so many new sectors of a miner. The same request again asks for no more.',
    [miner, param('count', Uint64), param('request', z.string())],
    list(Pledge),
    { permission: 'admin' },
  ),
  Pledges: method(
    'Sectors that were asked for, in that order.',
    [
      param('miner', orNull(ActorId)),
      param('state', orNull(z.enum(PLEDGE_STATES))),
      param('after', orNull(Uint64)),
      param('limit', Int64),
    ],
    PledgePage,
  ),
  CancelPledges: method(
    'Takes back pledges that still wait; answers which.',
    [param('ids', list(Uint64))],
    list(Uint64),
    {
      permission: 'admin',
    },
  ),
} as const
