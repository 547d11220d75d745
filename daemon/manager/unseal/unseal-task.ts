import type { CID } from 'multiformats/cid'
import { UNSEAL_STATE, type UnsealState } from '../../../rpc-schema/manager/unseal.js'
import type { SectorID } from '../../../rpc-schema/wire/sector-id.js'
import type { WorkLease } from '../workers/work-lease.js'

/** A piece that is to be read back from a sector; offset and size in unpadded bytes. */
export interface UnsealRequestOf {
  readonly sid: SectorID
  readonly pieceCid: CID
  readonly offset: number
  readonly size: number
  /** Where it is to be sent, as {@link destinationOf} made it. */
  readonly dest: string
}

export interface UnsealTask extends Omit<UnsealRequestOf, 'dest'> {
  readonly dests: readonly string[]
  readonly state: UnsealState
  /** Why it failed; empty otherwise. */
  readonly error: string
  readonly lease: WorkLease | null
  /** How often a worker gave it up. */
  readonly failures: number
  /** The piece came into the sector by an upgrade: not every worker can read it. */
  readonly upgraded: boolean
}

/** What the store of tasks has to do for a request. */
export type SetDecision =
  | { readonly do: 'create' }
  /** The task waits for a worker again, with these destinations. */
  | { readonly do: 'restart'; readonly dests: readonly string[] }
  | { readonly do: 'append'; readonly dests: readonly string[] }
  | { readonly do: 'keep' }
  /** The caller is told how it ended, and the task is forgotten. */
  | { readonly do: 'forget' }
  | { readonly do: 'refuse'; readonly why: string }

const { setUp, unsealing, uploading, finished, failed } = UNSEAL_STATE

/** `poll`: how far is it, begin when it is new · `demand`: begin it, again when it failed · `fetch`: the same, to read the piece here. */
export type Asking = 'poll' | 'demand' | 'fetch'

/**
 * | state of the task | same destination                                       | another destination          |
 * |-------------------|--------------------------------------------------------|------------------------------|
 * | set_up, unsealing | as it is                                               | sent there, too              |
 * | uploading         | as it is                                               | refused: ask again later     |
 * | finished          | told, and forgotten; kept while it is fetched           | unsealed again for that one  |
 * | failed            | told, and forgotten; tried again when it is demanded    | tried again, for all of them |
 */
export function decideSet(task: UnsealTask | undefined, dest: string, asking: Asking): SetDecision {
  if (task === undefined) return { do: 'create' }
  const known = task.dests.includes(dest)
  const all = known ? task.dests : [...task.dests, dest]
  switch (task.state) {
    case setUp:
    case unsealing:
      return known ? { do: 'keep' } : { do: 'append', dests: all }
    case uploading:
      if (known) return { do: 'keep' }
      return { do: 'refuse', why: 'the piece is being uploaded to its other destinations: ask again when that is done' }
    case finished:
      if (!known) return { do: 'restart', dests: [dest] }
      return asking === 'fetch' ? { do: 'keep' } : { do: 'forget' }
    case failed:
      return known && asking === 'poll' ? { do: 'forget' } : { do: 'restart', dests: all }
  }
}

export const isOver = (state: UnsealState): boolean => state === finished || state === failed
export const isInWork = (state: UnsealState): boolean => state === unsealing || state === uploading

/** The name of a task, as damocles shows it. */
export const taskName = (sid: SectorID, pieceCid: CID): string => `${sid.Miner}-${sid.Number}-${pieceCid}`
