import { blake2b } from '@noble/hashes/blake2.js'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { z } from 'zod'

/** Multicodec and multihash of a sealed commitment (comm_r): fil-commitment-sealed, poseidon-bls12_381-a2-fc1. */
const SEALED = { codec: 0xf102, hash: 0xb401, name: 'a sealed commitment (comm_r)' } as const
/** Of a piece and of an unsealed sector (comm_d): fil-commitment-unsealed, sha2-256-trunc254-padded. */
const UNSEALED = { codec: 0xf101, hash: 0x1012, name: 'an unsealed commitment (comm_d)' } as const

type CommitmentKind = typeof SEALED | typeof UNSEALED

const CidValue = z.custom<CID>(value => CID.asCID(value) !== null, 'expected a CID')

const MOST_KNOWN = 4_096
const known = new Map<string, CID>()

/** The same few (of a sector, of the head) come again and again, and to read one is dear. Throws for what is none. */
function parsed(text: string): CID {
  const before = known.get(text)
  if (before !== undefined) return before
  const cid = CID.parse(text)
  if (known.size >= MOST_KNOWN) known.clear()
  known.set(text, cid)
  return cid
}

/** IPLD's JSON link `{"/": "baga…"}` <-> CID. */
export const CidJson = z.codec(z.object({ '/': z.string() }), CidValue, {
  decode: (link, ctx) => {
    try {
      return parsed(link['/'])
    } catch (error) {
      ctx.issues.push({
        code: 'custom',
        input: link,
        path: ['/'],
        message: `not a CID: ${JSON.stringify(link['/'])} (${(error as Error).message})`,
      })
      return z.NEVER
    }
  },
  encode: cid => ({ '/': cid.toString() }),
})
export type CidJson = z.output<typeof CidJson>

function toCid(kind: CommitmentKind, commitment: Uint8Array): CID {
  if (commitment.length !== 32) throw new RangeError(`${kind.name} has ${commitment.length} bytes, expected 32`)
  return CID.createV1(kind.codec, Digest.create(kind.hash, Uint8Array.from(commitment)))
}

const isKind = (kind: CommitmentKind, cid: CID): boolean =>
  cid.version === 1 && cid.code === kind.codec && cid.multihash.code === kind.hash && cid.multihash.digest.length === 32

function fromCid(kind: CommitmentKind, cid: CID): Uint8Array {
  if (!isKind(kind, cid)) throw new RangeError(`${cid} is not the CID of ${kind.name}`)
  return cid.multihash.digest.slice()
}

/** `bagboea4b5abc…` of 32 bytes. */
export const commRToCid = (commR: Uint8Array): CID => toCid(SEALED, commR)
/** `baga6ea4sea…` of 32 bytes. */
export const commDToCid = (commD: Uint8Array): CID => toCid(UNSEALED, commD)
/** Throws a RangeError unless it is a sealed commitment's CID. */
export const cidToCommR = (cid: CID): Uint8Array => fromCid(SEALED, cid)
/** Throws a RangeError unless it is a piece's or unsealed sector's CID. */
export const cidToCommD = (cid: CID): Uint8Array => fromCid(UNSEALED, cid)

/** A piece commitment (the same kind of CID as comm_d). */
export const isPieceCid = (cid: CID): boolean => isKind(UNSEALED, cid)
export const isSealedCid = (cid: CID): boolean => isKind(SEALED, cid)

const DAG_CBOR = 0x71
const BLAKE2B_256 = 0xb220

/** CID of an object of the chain (`bafy2bza…`) by its CBOR: dag-cbor, blake2b-256. */
export const chainCid = (cbor: Uint8Array): CID =>
  CID.createV1(DAG_CBOR, Digest.create(BLAKE2B_256, Uint8Array.from(blake2b(cbor, { dkLen: 32 }))))
