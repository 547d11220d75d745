import { createHash } from 'node:crypto'
import type { Address } from '../wire/address.js'

/** RFC 4122, appendix C: the namespace of ISO object ids. */
const NAMESPACE_OID = Buffer.from('6ba7b8129dad11d180b400c04fd430c8', 'hex')

/** RFC 4122, 4.3: a UUID (version 5) that is a function of the name, which may come in parts. */
export class UuidV5 {
  readonly #hash = createHash('sha1').update(NAMESPACE_OID)

  update(part: Uint8Array | string): this {
    this.#hash.update(part)
    return this
  }

  /** Once. */
  id(): string {
    const bytes = this.#hash.digest().subarray(0, 16)
    bytes[6] = (bytes[6]! & 0x0f) | 0x50
    bytes[8] = (bytes[8]! & 0x3f) | 0x80
    return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
  }
}

/** The id of what a task is to be made from: the same bytes have the same id. */
export const resourceIdOf = (bytes: Uint8Array): string => new UuidV5().update(bytes).id()

/** The id of a task: the same miner, type and resource have the same id, whoever submits them, and however often. */
export function taskIdOf(miner: Address, taskType: number, resourceId: string): string {
  const type = Buffer.alloc(4)
  type.writeInt32BE(taskType)
  return new UuidV5().update(miner.payload).update(type).update(resourceId).id()
}
