/**
 * What readers of window proofs hand in, and provers fetch: below this path of the manager, `PUT <job id>` and `GET <chunk id>`, with a token that may
 * write. Bytes, since those of a partition are tens of megabytes.
 */
export const VANILLA_ROUTE = '/wdpost/vanilla/'
/** Header of both: SHA-256 of the content in hex, which is the id of a chunk too. */
export const VANILLA_DIGEST = 'x-content-sha256'

/** A reader closes a chunk at the first of these. Bytes go to MySQL in hex, and a packet of a server with its old default takes one MiB. */
export const CHUNK_BYTES = 384 * 1024
export const CHUNK_SECTORS = 256
/** Larger ones are refused. A vanilla proof of a 64 GiB sector is some tens of kilobytes. */
export const MOST_CHUNK_BYTES = 4 * 1024 * 1024

/** The vanilla proof of one sector. */
export interface SectorVanilla {
  readonly sector: number
  readonly vanilla: Uint8Array
}

const HEAD_BYTES = 12

/** A record of a chunk: sector number (64 bits) and length (32 bits), both big-endian, then the vanilla proof. A chunk is records one after the other. */
export function vanillaRecord({ sector, vanilla }: SectorVanilla): Uint8Array {
  const record = Buffer.alloc(HEAD_BYTES + vanilla.length)
  record.writeBigUInt64BE(BigInt(sector))
  record.writeUInt32BE(vanilla.length, 8)
  record.set(vanilla, HEAD_BYTES)
  return record
}

/** Throws when the bytes are no chunk. */
export function vanillasIn(chunk: Uint8Array): SectorVanilla[] {
  const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  const found: SectorVanilla[] = []
  for (let at = 0; at < bytes.length; ) {
    if (at + HEAD_BYTES > bytes.length)
      throw new Error(`not a chunk of vanilla proofs: it ends in a record's head, at byte ${at}`)
    const sector = Number(bytes.readBigUInt64BE(at))
    const length = bytes.readUInt32BE(at + 8)
    const end = at + HEAD_BYTES + length
    if (!Number.isSafeInteger(sector) || length === 0 || end > bytes.length)
      throw new Error(`not a chunk of vanilla proofs: no record at byte ${at}`)
    found.push({ sector, vanilla: bytes.subarray(at + HEAD_BYTES, end) })
    at = end
  }
  return found
}
