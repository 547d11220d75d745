import { webcrypto } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'

/** What is read, written and hashed at once. */
export const CHUNK_BYTES = 4 << 20

/** A read may bring less than was asked for; this brings less only at the end of the file. */
export async function readFully(file: FileHandle, buffer: Buffer, position: number): Promise<Buffer> {
  let read = 0
  while (read < buffer.length) {
    const { bytesRead } = await file.read(buffer, read, buffer.length - read, position + read)
    if (bytesRead === 0) break
    read += bytesRead
  }
  return buffer.subarray(0, read)
}

/** A write may take less than it was given. */
export async function writeFully(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    written += (await file.write(bytes, written, bytes.length - written, position + written)).bytesWritten
  }
}

/** SHA-256 off the event loop; the bytes may be overwritten as soon as this has returned its promise. */
export const digest = async (bytes: Uint8Array): Promise<Buffer> =>
  Buffer.from(await webcrypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>))

export interface CompareOptions {
  /** Ends the comparison early, with what was found until then. */
  readonly signal?: AbortSignal | undefined
  onChunk?(bytes: number): void
}

/** How many of the first `bytes` bytes of two files are the same, in whole chunks. */
export async function samePrefix(
  one: FileHandle,
  other: FileHandle,
  bytes: number,
  { signal, onChunk }: CompareOptions = {},
): Promise<number> {
  const [left, right] = [Buffer.allocUnsafe(CHUNK_BYTES), Buffer.allocUnsafe(CHUNK_BYTES)]
  let same = 0
  while (same < bytes && signal?.aborted !== true) {
    const wanted = Math.min(CHUNK_BYTES, bytes - same)
    const [a, b] = await Promise.all([
      readFully(one, left.subarray(0, wanted), same),
      readFully(other, right.subarray(0, wanted), same),
    ])
    if (a.length < wanted || !a.equals(b)) break
    same += wanted
    onChunk?.(wanted)
  }
  return same
}
