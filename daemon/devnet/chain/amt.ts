import * as dagCbor from '@ipld/dag-cbor'
import type { CID } from 'multiformats/cid'
import { chainCid } from '../../../rpc-schema/wire/cid.js'

const WIDTH = 8

/**
 * Root CID of an array as the chain keeps it in block headers (AMT version 0: nodes of 8, each `[bitmap, links, values]`, the root
 * `[height, count, node]`). Entries are dag-cbor values.
 */
export function amtRoot(entries: readonly unknown[]): CID {
  let height = 0
  while (WIDTH ** (height + 1) < entries.length) height += 1
  return chainCid(dagCbor.encode([height, entries.length, node(entries, height)]))
}

function node(entries: readonly unknown[], height: number): unknown {
  const bitmap = new Uint8Array(1)
  if (height === 0) {
    for (let at = 0; at < entries.length; at++) bitmap[0]! |= 1 << at
    return [bitmap, [], entries]
  }
  const span = WIDTH ** height
  const links: CID[] = []
  for (let at = 0; at * span < entries.length; at++) {
    bitmap[0]! |= 1 << at
    links.push(chainCid(dagCbor.encode(node(entries.slice(at * span, (at + 1) * span), height - 1))))
  }
  return [bitmap, links, []]
}

/** CID in a header for the messages of a block: BLS messages, then secp256k1 messages. */
export const messagesRoot = (bls: readonly CID[], secp: readonly CID[]): CID =>
  chainCid(dagCbor.encode([amtRoot(bls), amtRoot(secp)]))
