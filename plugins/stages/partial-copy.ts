import { type FileHandle, open, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { z } from 'zod'
import { CHUNK_BYTES, type CompareOptions, samePrefix } from './file-chunks.js'
import { onFile } from './file-error.js'

/** Where a file is written before it gets its name: the same name each time, so that a later attempt finds what an earlier left. */
export const partPath = (dest: string): string => path.join(path.dirname(dest), `.${path.basename(dest)}.part`)

const recordPath = (part: string): string => `${part}.json`

/** What an unfinished copy is a copy of. */
const CopyRecord = z.object({
  source: z.string(),
  bytes: z.string(),
  modifiedNs: z.string(),
  inode: z.string(),
})
type CopyRecord = z.infer<typeof CopyRecord>

async function recordOf(src: string, from: FileHandle): Promise<CopyRecord> {
  const { size, mtimeNs, ino } = await onFile('stat', src, () => from.stat({ bigint: true }))
  return { source: src, bytes: `${size}`, modifiedNs: `${mtimeNs}`, inode: `${ino}` }
}

/** Written once, before the first byte of the copy. It need not survive a power cut: without it the copy starts anew. */
export async function recordCopy(src: string, from: FileHandle, part: string): Promise<void> {
  const record = await recordOf(src, from)
  await onFile('write', recordPath(part), () => writeFile(recordPath(part), JSON.stringify(record)))
}

/** Whether an unfinished copy of just this source is there; what it holds is not looked at yet. */
export async function isCopyOf(src: string, from: FileHandle, part: string): Promise<boolean> {
  const text = await readFile(recordPath(part), 'utf8').catch(() => undefined)
  if (text === undefined) return false
  let found: unknown
  try {
    found = JSON.parse(text)
  } catch {
    return false
  }
  const record = CopyRecord.safeParse(found)
  const wanted = await recordOf(src, from)
  return record.success && (Object.keys(wanted) as (keyof CopyRecord)[]).every(key => record.data[key] === wanted[key])
}

/**
 * Bytes of the unfinished copy that can stay: those that are the source's, read back and compared. After a power cut the file may be
 * longer than what reached the disk, so its length proves nothing.
 */
export async function provenBytes(
  src: string,
  from: FileHandle,
  to: FileHandle,
  part: string,
  options: CompareOptions,
): Promise<number> {
  const { size } = await onFile('stat', part, () => to.stat())
  const whole = Math.floor(size / CHUNK_BYTES) * CHUNK_BYTES
  return await onFile(`compare ${src} with`, part, () => samePrefix(from, to, whole, options))
}

export async function removePartial(part: string): Promise<void> {
  await onFile('remove', part, () => rm(part, { force: true, recursive: true }))
  await onFile('remove', recordPath(part), () => rm(recordPath(part), { force: true }))
}

export const forgetCopy = (part: string): Promise<void> => rm(recordPath(part), { force: true }).catch(() => {})

/** Whether both are files with the same bytes. */
export async function sameContent(one: string, other: string, signal?: AbortSignal): Promise<boolean> {
  await using left = await onFile('open', one, () => open(one, 'r'))
  await using right = await onFile('open', other, () => open(other, 'r'))
  const [a, b] = [await left.stat(), await right.stat()]
  if (!b.isFile() || a.size !== b.size) return false
  return (await onFile(`compare ${one} with`, other, () => samePrefix(left, right, a.size, { signal }))) === a.size
}
