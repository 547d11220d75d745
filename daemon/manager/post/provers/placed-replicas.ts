import { errorText } from '../../../../rpc-schema/seal-error.js'
import { sectorName } from '../../../../rpc-schema/wire/sector-id.js'
import type { Logger } from '../../../kit/log.js'
import { NoPlaceError, type SectorPlace, type SectorPlaces } from '../../storage/sector-places.js'
import type { ReplicaToProve } from '../window-prover.js'

export interface PlacedReplica extends ReplicaToProve {
  readonly place: SectorPlace
}

/** Where the replicas of a request are; those that are nowhere are faults, so that they do not sink their partition. */
export async function placedReplicas(
  { miner, replicas }: { readonly miner: number; readonly replicas: readonly ReplicaToProve[] },
  places: Pick<SectorPlaces, 'find'>,
  log: Logger,
): Promise<{ placed: PlacedReplica[]; faults: number[] }> {
  const faults: number[] = []
  const found = await Promise.all(
    replicas.map(async (replica): Promise<PlacedReplica[]> => {
      const sid = { Miner: miner, Number: replica.number }
      try {
        return [{ ...replica, place: await places.find(sid, replica.upgraded) }]
      } catch (error) {
        if (!(error instanceof NoPlaceError)) throw error
        log.error({ sector: sectorName(sid), err: error }, `a sector cannot be proven: ${errorText(error)}`)
        faults.push(replica.number)
        return []
      }
    }),
  )
  return { placed: found.flat(), faults }
}

/** The store of a sector, or both when its parts are apart. */
export const storeNameOf = ({ sealedStore, cacheStore }: SectorPlace): string =>
  sealedStore === cacheStore ? sealedStore.name : `${sealedStore.name}+${cacheStore.name}`
