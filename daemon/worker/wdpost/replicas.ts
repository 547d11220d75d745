import type { WdPoStInput, WdPoStSectorInfo } from '../../../rpc-schema/manager/wdpost-job.js'
import type { StageTask } from '../../../rpc-schema/processor/stages.js'
import { SealError } from '../../../rpc-schema/seal-error.js'
import { postProofByName } from '../../../rpc-schema/wire/proof-types.js'
import type { AttachedStores } from '../store/attached-store.js'
import { cacheDir, joinStorePath, sealedFile, updateCacheDir, updateFile } from '../store/layout.js'

/** What to prove, with the files where this worker has them. Throws an abort when a store is not attached here. */
export function windowPoStTask(input: WdPoStInput, stores: AttachedStores): StageTask<'window_post'> {
  const missing = new Set(
    input.Sectors.flatMap(({ Accesses }) => [Accesses.SealedFile, Accesses.CacheDir]).filter(
      name => stores.get(name) === undefined,
    ),
  )
  if (missing.size > 0) {
    const names = [...missing].map(name => JSON.stringify(name)).join(', ')
    throw new SealError('abort', `not attached to this worker: ${names} (attached: ${stores.names.join(', ')})`)
  }
  const at = (store: string, path: string): string => joinStorePath(stores.get(store)!.root, path)
  const replica = ({ SectorId, CommR, Upgrade, Accesses }: WdPoStSectorInfo) => {
    const id = { Miner: input.MinerId, Number: SectorId }
    return {
      sector_id: SectorId,
      comm_r: CommR,
      sealed_file: at(Accesses.SealedFile, Upgrade ? updateFile(id) : sealedFile(id)),
      cache_dir: at(Accesses.CacheDir, Upgrade ? updateCacheDir(id) : cacheDir(id)),
    }
  }
  return {
    miner_id: input.MinerId,
    proof_type: postProofByName(input.ProofType).number,
    replicas: input.Sectors.map(replica),
    seed: input.Seed,
  }
}
