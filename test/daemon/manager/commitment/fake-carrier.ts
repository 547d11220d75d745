import { blake2b } from '@noble/hashes/blake2.js'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import type {
  Carried,
  Fees,
  MessageCarrier,
  Reminder,
  Whereabouts,
} from '../../../../daemon/manager/commitment/carrier.js'
import type { ChainMessage, NewMessage } from '../../../../daemon/manager/commitment/chain-message.js'

/** Takes messages and does with them what the test says. */
export class FakeCarrier implements MessageCarrier {
  readonly name = 'mempool'
  readonly pushed: (NewMessage & { cid: string; fees: Fees })[] = []
  readonly #places = new Map<string, Whereabouts>()
  /** What the next pushes end with instead. */
  readonly failures: Error[] = []

  async push(intent: NewMessage, fees: Fees): Promise<Carried> {
    const failure = this.failures.shift()
    if (failure !== undefined) throw failure
    const hash = blake2b(new TextEncoder().encode(intent.uuid), { dkLen: 32 })
    const cid = CID.createV1(0x55, Digest.create(0xb220, hash)).toString()
    this.pushed.push({ ...intent, cid, fees })
    return { cid, signed: null }
  }

  async search(message: ChainMessage): Promise<Carried | undefined> {
    const found = this.pushed.find(({ uuid }) => uuid === message.uuid)
    return found && { cid: found.cid, signed: null }
  }

  async look(message: ChainMessage): Promise<Whereabouts> {
    return this.#places.get(message.cid!) ?? { kind: 'waiting' }
  }

  async remind(): Promise<Reminder> {
    return { kind: 'known' }
  }

  land(cid: string, height: number, ExitCode = 0): void {
    const receipt = { ExitCode, Return: null, GasUsed: 1, EventsRoot: null }
    this.#places.set(cid, { kind: 'landed', height, receipt })
  }

  /** A reorg: it is not on the chain any more. */
  takeBack(cid: string): void {
    this.#places.delete(cid)
  }

  giveUp(cid: string, why: string): void {
    this.#places.set(cid, { kind: 'failed', why })
  }
}
