import type { CID } from 'multiformats/cid'
import { type StateView, table } from './state-tree.js'

/** A window proof that was taken on trust, with all that it takes to verify it later. */
export interface TrustedPost {
  /** Of its window. */
  readonly challenge: number
  /** Last epoch of its window. */
  readonly last: number
  readonly partitions: readonly number[]
  /** What it is about, as the sectors were when it landed. */
  readonly replicas: readonly { readonly number: number; readonly sealedCid: CID }[]
  readonly proof: Uint8Array
}

/** The trusted proofs of a deadline. */
export interface TrustedPostsRecord {
  /** Of the present window. */
  readonly open: readonly TrustedPost[]
  /** Of the last window that has closed: these can be disputed, by their index; null once that was done with success. */
  readonly closed: readonly (TrustedPost | null)[]
}

const NONE: TrustedPostsRecord = { open: [], closed: [] }

const records = table<TrustedPostsRecord>('trusted-posts')

/** By miner and deadline. */
export const trustedPosts = {
  get: (view: StateView, miner: number, deadline: number): TrustedPostsRecord =>
    records.get(view, miner, deadline) ?? NONE,
  put: records.put,
}
