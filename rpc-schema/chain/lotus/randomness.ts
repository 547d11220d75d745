import { method, param } from '../../rpc/method.js'
import { BeaconEntry } from '../../wire/block-header.js'
import { Base64Bytes, nullableBytes } from '../../wire/bytes.js'
import { ChainEpoch, Int64 } from '../../wire/numbers.js'
import { TipSetKey } from '../../wire/tipset-key.js'

const tag = param('tag', Int64)
const epoch = param('epoch', ChainEpoch)
/** CBOR of the miner's ID address; null for the chain commit of a WindowPoSt. */
const entropy = param('entropy', nullableBytes)
const tsk = param('tsk', TipSetKey)

/** Randomness of the chain. The tags are those of `wire/randomness.ts`. */
export const randomnessMethods = {
  StateGetRandomnessFromTickets: method(
    'Draws randomness from the tickets of an epoch. The tipset key must not be empty.',
    [tag, epoch, entropy, tsk],
    Base64Bytes,
  ),
  StateGetRandomnessFromBeacon: method(
    'Draws randomness from the beacon entry of an epoch.',
    [tag, epoch, entropy, tsk],
    Base64Bytes,
  ),
  StateGetRandomnessDigestFromTickets: method(
    'The digest from which draws are made: of the ticket of an epoch.',
    [epoch, tsk],
    Base64Bytes,
  ),
  StateGetRandomnessDigestFromBeacon: method(
    'The digest from which draws are made: of the beacon entry of an epoch.',
    [epoch, tsk],
    Base64Bytes,
  ),
  StateGetBeaconEntry: method('The beacon entry of an epoch; waits for a coming one.', [epoch], BeaconEntry),
  BeaconGetEntry: method('Old name of StateGetBeaconEntry; newer nodes do not have it.', [epoch], BeaconEntry),
} as const
