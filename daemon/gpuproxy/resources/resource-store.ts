import type { Readable } from 'node:stream'

/** The bytes of a resource and how many they are. */
export interface OpenResource {
  readonly sizeBytes: number
  stream(): Readable
}

/** A resource whose bytes are still coming. One that is neither kept nor discarded is gone with its process, and what it leaves behind is removed some day. */
export interface IncomingResource {
  /** The next bytes, whose memory is given away. */
  write(bytes: Uint8Array): Promise<void>
  /** What was written is there under its id from now on, whole, and no power cut takes it away; what had the same id was the same. */
  keep(id: string): Promise<void>
  /** Nothing of it stays; does nothing to what was kept. */
  discard(): Promise<void>
}

/** Where the documents lie that tasks are made from, 37 MB each for 32 GiB sectors. An id is the UUID of the bytes. */
export interface ResourceStore {
  /** In words, for logs. */
  readonly where: string
  /** Begins to take one whose bytes are still coming. */
  receive(): IncomingResource
  open(id: string): Promise<OpenResource | undefined>
  /** One that is not there is removed already. */
  remove(id: string): Promise<void>
  /** Ids of those that were put before a moment, ms since the Unix epoch; at most some at a time. */
  olderThan(moment: number): Promise<string[]>
  close(): Promise<void>
}

/** What a resource that is not there is answered with: the original's words. */
export const noResource = (path: string): Error => new Error(`read file: ${path}`)

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Anything else is no id of ours, and must not become part of a path. */
export const isResourceId = (id: string): boolean => UUID.test(id)
