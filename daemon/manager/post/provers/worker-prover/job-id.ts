import { base58btc } from 'multiformats/bases/base58'
import xxhash from 'xxhash-wasm'
import { z } from 'zod'
import { WdPoStInput } from '../../../../../rpc-schema/manager/wdpost-job.js'

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
