import { Readable } from 'node:stream'
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  NoSuchKey,
  NotFound,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { s3Settings } from './s3-settings.js'
import type { StoreDriver, StoreToOpen } from './store-driver.js'

const MIB = 1024 * 1024
/** An object has at most 10,000 parts. */
const MOST_PARTS = 10_000
const PART_BYTES = 64 * MIB
/** Parts on their way at the same time; each is held in memory. */
const PARALLEL_PARTS = 2

/** A store in a bucket of an S3-compatible service. */
export async function s3Driver(store: StoreToOpen, partBytes = PART_BYTES): Promise<StoreDriver> {
  const { endpoint, bucket: Bucket, prefix, region, pathStyle, capacityBytes, credentials } = await s3Settings(store)
  const client = new S3Client({
    endpoint: endpoint.href,
    region,
    forcePathStyle: pathStyle,
    credentials,
    // Not every service knows the newer checksums.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
  const keyOf = (path: string): string => {
    if (path.split('/').some(part => part === '..' || part === '.' || part === ''))
      throw new Error(`${path} leads out of the store ${store.name}`)
    return `${prefix}${path}`
  }
  return {
    async space() {
      await client.send(new HeadBucketCommand({ Bucket })).catch((error: unknown) => {
        if (!isMissing(error)) throw named(error)
        throw Object.assign(new Error(`there is no bucket ${Bucket} at ${endpoint.origin}`), { code: 'NoSuchBucket' })
      })
      return { type: 's3', totalBytes: capacityBytes, freeBytes: capacityBytes, usedBytes: 0 }
    },
    async stat(path) {
      try {
        const { ContentLength = 0 } = await client.send(new HeadObjectCommand({ Bucket, Key: keyOf(path) }))
        return { kind: 'file', sizeBytes: ContentLength }
      } catch (error) {
        if (isMissing(error)) return undefined
        throw named(error)
      }
    },
    async read(path, { offset, length }) {
      const Range = `bytes=${offset}-${length === undefined ? '' : offset + length - 1}`
      const { Body } = await client
        .send(new GetObjectCommand({ Bucket, Key: keyOf(path), ...(offset + (length ?? 0) > 0 && { Range }) }))
        .catch((error: unknown) => {
          throw named(error)
        })
      if (!(Body instanceof Readable)) throw new Error(`${path} has no content`)
      return Body
    },
    async write(path, content, sizeBytes) {
      // What was wrong with the content is worth more than what came of it at the service.
      let trouble: unknown
      const body = Readable.from(whole(content, path, sizeBytes), { objectMode: false }).once('error', error => {
        trouble = error
      })
      // Parts that have come are removed when the content does not come to its end.
      const upload = new Upload({
        client,
        params: { Bucket, Key: keyOf(path), Body: body },
        partSize: Math.max(partBytes, Math.ceil((sizeBytes ?? 0) / MOST_PARTS)),
        queueSize: PARALLEL_PARTS,
        leavePartsOnError: false,
      })
      await upload.done().catch((error: unknown) => {
        throw trouble ?? named(error)
      })
    },
    async remove(path) {
      const key = keyOf(path)
      await client.send(new DeleteObjectCommand({ Bucket, Key: key }))
      for (let token: string | undefined; ; ) {
        const page = await client.send(
          new ListObjectsV2Command({
            Bucket,
            Prefix: `${key}/`,
            ...(token !== undefined && { ContinuationToken: token }),
          }),
        )
        for (const { Key } of page.Contents ?? []) await client.send(new DeleteObjectCommand({ Bucket, Key }))
        if (page.NextContinuationToken === undefined) return
        token = page.NextContinuationToken
      }
    },
  }
}

async function* whole(
  content: AsyncIterable<Uint8Array>,
  path: string,
  sizeBytes: number | undefined,
): AsyncGenerator<Uint8Array> {
  let come = 0
  for await (const chunk of content) {
    come += chunk.length
    yield chunk
  }
  if (sizeBytes !== undefined && come !== sizeBytes) throw new Error(`${path}: ${come} of ${sizeBytes} bytes have come`)
}

const isMissing = (error: unknown): boolean => error instanceof NotFound || error instanceof NoSuchKey

/** With the service's own name as the code: `AccessDenied`, `InvalidAccessKeyId`. */
const named = (error: unknown): unknown =>
  error instanceof S3ServiceException
    ? Object.assign(new Error(`S3: ${error.name}: ${error.message}`), { code: error.name })
    : error
