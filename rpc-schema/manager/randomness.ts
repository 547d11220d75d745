import { z } from 'zod'
import { method, param } from '../rpc/method.js'
import { Base64Bytes } from '../wire/bytes.js'
import { ActorId, ChainEpoch } from '../wire/numbers.js'
import { TipSetKey } from '../wire/tipset-key.js'
import { Seed, Ticket } from './commitment.js'

/** Randomness for WindowPoSt (32 bytes) and the epoch it was drawn at. */
export const WindowPoStRandomness = z.object({ Epoch: ChainEpoch, Rand: Base64Bytes })
export type WindowPoStRandomness = z.infer<typeof WindowPoStRandomness>

const tsk = param('tsk', TipSetKey)
const epoch = param('epoch', ChainEpoch)
const miner = param('miner', ActorId)

/** Randomness of the chain, with the miner's ID address as entropy. An empty tipset key is the head. */
export const randomnessMethods = {
  GetTicket: method('Seal randomness of an epoch, from the chain’s tickets.', [tsk, epoch, miner], Ticket),
  GetSeed: method('Interactive seal challenge of an epoch, from the beacon.', [tsk, epoch, miner], Seed),
  GetWindowPoStChanlleengeRand: method(
    'WindowPoSt challenge of an epoch, from the beacon.',
    [tsk, epoch, miner],
    WindowPoStRandomness,
  ),
  GetWindowPoStCommitRand: method(
    'Chain commit randomness of an epoch, from the chain’s tickets; without entropy.',
    [tsk, epoch],
    WindowPoStRandomness,
  ),
} as const
