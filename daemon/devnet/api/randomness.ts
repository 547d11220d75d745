import { blake2b } from '@noble/hashes/blake2.js'
import type { lotusService } from '../../../rpc-schema/chain/index.js'
import { HEAD_CHANGE } from '../../../rpc-schema/chain/tipset.js'
import type { Handlers } from '../../../rpc-schema/rpc/method.js'
import type { Chain } from '../chain/chain.js'
import { beaconEntry } from '../chain/header.js'
import { heightOf } from '../chain/tipset.js'
import { nodeError, tipsetOf } from './lookup.js'

type Methods = typeof lotusService.methods
type Served =
  | 'StateGetRandomnessFromTickets'
  | 'StateGetRandomnessFromBeacon'
  | 'StateGetRandomnessDigestFromTickets'
  | 'StateGetRandomnessDigestFromBeacon'
  | 'StateGetBeaconEntry'

const NOTHING = new Uint8Array()
const digest = (bytes: Uint8Array): Uint8Array => blake2b(bytes, { dkLen: 32 })

/** The node's words in front of why a draw was refused. */
function drawing<T>(source: 'ticket' | 'beacon', draw: () => T): T {
  const refuse = (error: Error): never => {
    throw nodeError(`getting ${source} randomness: ${error.message}`)
  }
  try {
    const drawn = draw()
    return drawn instanceof Promise ? (drawn.catch(refuse) as T) : drawn
  } catch (error) {
    return refuse(error as Error)
  }
}

export function randomnessApi(chain: Chain): Pick<Handlers<Methods>, Served> {
  return {
    StateGetRandomnessFromTickets(tag, epoch, entropy, key) {
      // Of all the methods with a tipset key this one alone does not take the head for an empty one.
      if (key.length === 0) throw nodeError('loading tipset key: NewTipSet called with zero length array of blocks')
      const tipset = tipsetOf(chain, key)
      return drawing('ticket', () => chain.ticketRandomness(tipset, tag, epoch, entropy ?? NOTHING))
    },
    StateGetRandomnessFromBeacon: (tag, epoch, entropy, key) =>
      drawing('beacon', () => chain.beaconRandomness(tipsetOf(chain, key), tag, epoch, entropy ?? NOTHING)),
    StateGetRandomnessDigestFromTickets: (epoch, key) =>
      drawing('ticket', async () => digest(await chain.ticketAt(tipsetOf(chain, key), epoch))),
    StateGetRandomnessDigestFromBeacon: (epoch, key) =>
      drawing('beacon', () => digest(chain.beaconAt(tipsetOf(chain, key), epoch))),
    async StateGetBeaconEntry(epoch, { signal }) {
      if (epoch > heightOf(chain.head)) await reached(chain, epoch, signal)
      return beaconEntry(chain.network.seed, epoch)
    },
  }
}

/** Resolves when the head is at an epoch or beyond. */
async function reached(chain: Chain, epoch: number, signal: AbortSignal): Promise<void> {
  const changes = chain.feed.listen(chain.head)
  const stop = (): void => void changes.return?.()
  signal.addEventListener('abort', stop, { once: true })
  try {
    for await (const change of changes) {
      if (change.some(({ Type, Val }) => Type !== HEAD_CHANGE.revert && Val.Height >= epoch)) return
    }
    throw nodeError('the node is stopping')
  } finally {
    signal.removeEventListener('abort', stop)
    stop()
  }
}
