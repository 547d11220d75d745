import { createHash } from 'node:crypto'
import type { Address } from '../wire/address.js'

/** RFC 4122, appendix C: the namespace of ISO object ids. */
const NAMESPACE_OID = Buffer.from('6ba7b8129dad11d180b400c04fd430c8', 'hex')

/** RFC 4122, 4.3: a UUID (version 5) that is a function of the name. */
export function uuidV5(...name: readonly (Uint8Array | string)[]): string {
  const hash = createHash('sha1').update(NAMESPACE_OID)
  for (const part of name) hash.update(part)
  const bytes = hash.digest().subarray(0, 16)
  bytes[6] = (bytes[6]! & 0x0f) | 0x50
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** The id of what a task is to be made from: the same bytes have the same id. */
export const resourceIdOf = (bytes: Uint8Array): string => uuidV5(bytes)

/** The id of a task: the same miner, type and resource have the same id, whoever submits them, and however often. */
export function taskIdOf(miner: Address, taskType: number, resourceId: string): string {
  const type = Buffer.alloc(4)
  type.writeInt32BE(taskType)
  return uuidV5(miner.payload, type, resourceId)
}
