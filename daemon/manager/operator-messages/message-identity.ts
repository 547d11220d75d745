import { blake2b } from '@noble/hashes/blake2.js'
import type { OperatorMessage } from '../../../rpc-schema/manager/operator-message.js'
import { toHex } from '../../../rpc-schema/wire/bytes.js'
import { messageCid, unfilledMessage } from '../../../rpc-schema/wire/message.js'

type Contents = Pick<OperatorMessage, 'From' | 'To' | 'Value' | 'Method' | 'Params' | 'Exid'>

/** The CID of the message before anything is filled in, with `-exid` behind it: the same wish has the same id. */
export function messageUid({ From, To, Value, Method, Params, Exid }: Contents): string {
  const cid = messageCid(unfilledMessage({ From, To, Value, Method, Params }))
  return Exid === '' ? cid.toString() : `${cid}-${Exid}`
}

/** The key of an attempt at the desk and at the node, in the form of a UUID (version 8: made of a hash). */
export function attemptUuid(uid: string, attempt: number): string {
  const hash = blake2b(new TextEncoder().encode(`${uid}/${attempt}`), { dkLen: 16 })
  hash[6] = (hash[6]! & 0x0f) | 0x80
  hash[8] = (hash[8]! & 0x3f) | 0x80
  const hex = toHex(hash)
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
