import { join } from 'node:path'
import type { PoStReplica, WindowPoStTask } from '../../../../../rpc-schema/processor/post.js'
import type { PlacedReplica } from '../placed-replicas.js'

export interface ReplicasWithFiles {
  readonly replicas: readonly PoStReplica[]
  /** Sectors in stores whose files no program can open. */
  readonly without: readonly number[]
}

/** Replicas as a processor knows them, by absolute paths on this machine. */
export function withFiles(placed: readonly PlacedReplica[]): ReplicasWithFiles {
  const without: number[] = []
  const replicas = placed.flatMap(({ number, commR, place }): PoStReplica[] => {
    const [sealedRoot, cacheRoot] = [place.sealedStore.root, place.cacheStore.root]
    if (sealedRoot === undefined || cacheRoot === undefined) {
      without.push(number)
      return []
    }
    return [
      {
        sector_id: number,
        comm_r: commR,
        cache_dir: join(cacheRoot, place.cache),
        sealed_file: join(sealedRoot, place.sealed),
      },
    ]
  })
  return { replicas, without }
}

/** `randomness` as the chain gives it: a processor gets it with its two highest bits cleared. */
export function postTask(
  request: {
    readonly miner: number
    readonly postProof: number
    readonly randomness: Uint8Array
    readonly trial?: true
  },
  replicas: readonly PoStReplica[],
): WindowPoStTask {
  const seed = Uint8Array.from(request.randomness)
  seed[31]! &= 0x3f
  const task = { miner_id: request.miner, proof_type: request.postProof, replicas: [...replicas], seed }
  return request.trial ? { ...task, trial: true } : task
}
