import { createHash } from 'node:crypto'
import { base58btc } from 'multiformats/bases/base58'
import xxhash from 'xxhash-wasm'
import { z } from 'zod'
import { WdPoStInput } from '../../../../../rpc-schema/manager/wdpost-job.js'
import { toHex } from '../../../../../rpc-schema/wire/bytes.js'

/** What Go's JSON does not leave as it is within texts. */
const GO_ESCAPED: Readonly<Record<string, string>> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
}

/** A job's input as Go writes it: the id is made of these very bytes. */
export const inputText = (input: WdPoStInput): string =>
  JSON.stringify(z.encode(WdPoStInput, input)).replace(/[<>&\u2028\u2029]/g, found => GO_ESCAPED[found]!)

const hashes = xxhash()

/** The id of a job: base58 of the little-endian XXH64 of its input. The same input is the same job. */
export async function jobId(text: string): Promise<string> {
  const { h64 } = await hashes
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(h64(text))
  return base58btc.encode(bytes).slice(base58btc.prefix.length)
}

/** The proof that a job is made for, by the id of the job: copies have a number behind it, jobs that read `-r` and their number. */
export const proofIdOf = (id: string): string => id.split('-', 1)[0]!

/** Whether the challenges of a sector do not depend on the place that it has among the sectors of its proof. */
export const drawsForEachSector = (proofType: string): boolean => proofType.endsWith('V1_2')

/**
 * What sectors are challenged by. What a sector has shown for it is good for every proof with the same challenge, also for one that is made without some of
 * the sectors of the first.
 */
export function challengeId({ MinerId, ProofType, Seed }: WdPoStInput, proofId: string): string {
  const only = drawsForEachSector(ProofType) ? '' : proofId
  return createHash('sha256')
    .update(`${MinerId}/${ProofType}/${toHex(Seed)}/${only}`)
    .digest('hex')
}
