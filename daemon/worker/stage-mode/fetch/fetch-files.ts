import { createHash } from 'node:crypto'
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import http from 'node:http'
import { dirname } from 'node:path'
import { z } from 'zod'
import type { AllocatedSector } from '../../../../rpc-schema/manager/allocation.js'
import type { StageFetch } from '../../../../rpc-schema/manager/stages.js'
import { errorText, SealError } from '../../../../rpc-schema/seal-error.js'
import type { FilesNeeded } from '../../../../rpc-schema/stages/kinds.js'
import { sectorName } from '../../../../rpc-schema/wire/sector-id.js'
import { syncDirectory } from '../../store/durable-file.js'
import { joinStorePath } from '../../store/layout.js'
import type { ListedFile } from '../sector-files.js'
import { DIGEST_TRAILER, FILES_ROUTE } from './serve-files.js'

export interface FetchJob {
  readonly source: StageFetch
  readonly sector: AllocatedSector
  readonly need: FilesNeeded
  /** The path that the files are brought to, under the names they have. */
  readonly root: string
  readonly signal: AbortSignal
  onBytes?(bytes: number): void
  /** Bytes of one request; each is checked and on the disk before the next is asked for. */
  readonly partBytes?: number
}

const PART_BYTES = 64 * 1024 ** 2
const IDLE_MS = 60_000
const TRIES = 3
/** Of a file that is not whole yet. */
export const PART_SUFFIX = '.fetching'
const FileList = z.array(z.object({ file: z.string(), bytes: z.int().nonnegative() }))

/**
 * Brings the files of a sector from another worker. A fetch that was cut off goes on where it was; every part is compared by its digest with what the
 * other side has read. On return all files are whole, under their names and on the disk. Throws temporary when the other side does not deliver.
 */
export async function fetchFiles(job: FetchJob): Promise<void> {
  try {
    const listed = await list(job)
    if (listed.length === 0) throw new Error('it has no files of the sector')
    const directories = new Set<string>()
    for (const entry of listed) {
      const target = joinStorePath(job.root, entry.file)
      await mkdir(dirname(target), { recursive: true })
      await fetchFile(job, entry, target)
      directories.add(dirname(target))
    }
    for (const directory of directories) await syncDirectory(directory)
  } catch (error) {
    if (job.signal.aborted) throw job.signal.reason
    throw new SealError('temporary', `fetching ${sectorName(job.sector.ID)} from ${job.source.Url}`, { cause: error })
  }
}

async function list(job: FetchJob): Promise<readonly ListedFile[]> {
  const { status, body } = await request(job, undefined, undefined)
  const text = body.toString('utf8')
  if (status !== 200) throw new Error(`it answered ${status}: ${text.trim()}`)
  return FileList.parse(JSON.parse(text))
}

async function fetchFile(job: FetchJob, { file, bytes }: ListedFile, target: string): Promise<void> {
  const { partBytes = PART_BYTES } = job
  const whole = await stat(target).catch(() => undefined)
  // It came under its name only when it was whole.
  if (whole?.isFile() && whole.size === bytes) return
  if (whole !== undefined) await rm(target, { recursive: true, force: true })
  const growing = `${target}${PART_SUFFIX}`
  const handle = await open(growing, 'a+')
  try {
    let at = await resumeAt(growing, partBytes)
    await handle.truncate(at)
    while (at < bytes) {
      const end = Math.min(at + partBytes, bytes)
      const part = await fetchPart(job, file, at, end - 1)
      if (part.length !== end - at) throw new Error(`${file}: ${part.length} bytes came, expected ${end - at}`)
      await append(handle, part)
      await handle.datasync()
      job.onBytes?.(part.length)
      at = end
    }
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(growing, target)
}

/** On a disk that is nearly full a write may take less than it was given, and only the next one fails. */
async function append(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) done += (await handle.write(bytes, done, bytes.length - done)).bytesWritten
}

/** The last part that looks whole may not have come to the disk before the power went. */
async function resumeAt(growing: string, partBytes: number): Promise<number> {
  const { size } = await stat(growing)
  return Math.max(0, Math.floor(size / partBytes) - 1) * partBytes
}

async function fetchPart(job: FetchJob, file: string, start: number, end: number): Promise<Buffer> {
  for (let attempt = 1; ; attempt++) {
    try {
      const { status, body, digest } = await request(job, file, `bytes=${start}-${end}`)
      if (status !== 206) throw new Error(`it answered ${status}: ${body.toString('utf8').trim()}`)
      const found = createHash('sha256').update(body).digest('hex')
      if (digest !== found) throw new Error(`${file}: what came at ${start} is not what was read there`)
      return body
    } catch (error) {
      if (job.signal.aborted || attempt === TRIES) throw error
    }
  }
}

interface Answer {
  readonly status: number
  readonly body: Buffer
  readonly digest: string | undefined
}

function request(job: FetchJob, file: string | undefined, range: string | undefined): Promise<Answer> {
  const { source, sector, need, signal } = job
  const url = new URL(`${FILES_ROUTE}${encodeURIComponent(source.Path)}/${sectorName(sector.ID)}`, source.Url)
  url.searchParams.set('proof', String(sector.ProofType))
  url.searchParams.set('need', need)
  if (file !== undefined) url.searchParams.set('file', file)
  const headers = { authorization: `Bearer ${source.Token}`, ...(range !== undefined && { range }) }
  return new Promise((resolve, reject) => {
    const call = http.get(url, { headers, signal, timeout: IDLE_MS }, response => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('error', reject)
      response.on('end', () => {
        const digest = response.trailers[DIGEST_TRAILER]
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts), digest })
      })
    })
    call.on('timeout', () => call.destroy(new Error(`nothing came for ${IDLE_MS / 1_000} s`)))
    call.on('error', error => reject(new Error(errorText(error), { cause: error })))
  })
}
