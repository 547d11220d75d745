import { z } from 'zod'
import { bytesEqual, emptyableBytes } from './bytes.js'
import { cborError, cborShape } from './cbor.js'
import { Uint64 } from './numbers.js'

/** Kinds of signatures, and the protocol of the addresses that sign with them: f1, f3, f410. */
export const SIGNATURE_TYPES = { secp256k1: 1, bls: 2, delegated: 3 } as const

const MAX_BYTES = 200

/** A signature: the chain keeps it as one byte string, the type in front. */
export const SignatureCbor = cborShape({
  json: z.object({ Type: Uint64, Data: emptyableBytes }),
  toNode({ Type, Data }, path) {
    if (Type > 0xff) throw cborError(path, `signature type ${Type} does not fit a byte`)
    return Uint8Array.from([Type, ...Data])
  },
  fromNode(node, path) {
    if (!(node instanceof Uint8Array)) throw cborError(path, 'expected a signature')
    if (node.length === 0 || node.length > MAX_BYTES)
      throw cborError(path, `signature of ${node.length} bytes, expected 1–${MAX_BYTES}`)
    return { Type: node[0]!, Data: node.slice(1) }
  },
})

/** `{Type, Data}` with the data in base64. */
export const Signature = SignatureCbor.json
export type Signature = z.output<typeof Signature>

export const signaturesEqual = (a: Signature, b: Signature): boolean => a.Type === b.Type && bytesEqual(a.Data, b.Data)
