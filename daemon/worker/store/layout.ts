import { isAbsolute, join, normalize } from 'node:path'
import { treeRLastFiles } from '../../../plugins/stages/cache-files.js'
import { sealProof } from '../../../rpc-schema/wire/proof-types.js'
import { type SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'

export { isLayerFile, layerCount, layerFile, TREE_D_FILE } from '../../../plugins/stages/cache-files.js'

// The same relative paths hold below `<sealing store>/data` and below the root of a persist store.

/** Present in a sector's cache from the first start of PC2 on: the sealed file is then no longer what PC1 left. */
export const PC2_MARKER_FILE = '.pc2_running'

/** In a sector's cache while PC1 is at work and after: what the layers beside it were computed from. */
export const PC1_MARKER_FILE = '.pc1_inputs.json'

export const sealedFile = (sector: SectorID): string => join('sealed', sectorName(sector))
export const cacheDir = (sector: SectorID): string => join('cache', sectorName(sector))
export const stagedFile = (sector: SectorID): string => join('unsealed', sectorName(sector))
/** A piece read back from a sealed sector, named after its CID. */
export const unsealedPieceFile = (pieceCid: string): string => join('unsealed', pieceCid)
export const preparedDir = (sector: SectorID): string => join('prepared', sectorName(sector))
export const updateFile = (sector: SectorID): string => join('update', sectorName(sector))
export const updateCacheDir = (sector: SectorID): string => join('update-cache', sectorName(sector))

/** The files of a cache directory that the network's proofs need for as long as the sector lives. */
export function persistedCacheFiles(proofType: number): string[] {
  return [...treeRLastFiles(sealProof(proofType).sectorSize), 'p_aux', 't_aux']
}

/** A path inside a store. One leading `/` is dropped; a path that starts with a dot or leaves the store is refused. */
export function joinStorePath(root: string, sub: string): string {
  const inner = sub.startsWith('/') ? sub.slice(1) : sub
  const normal = normalize(inner)
  if (inner.startsWith('.') || isAbsolute(inner) || normal === '..' || normal.startsWith('../')) {
    throw new RangeError(`${JSON.stringify(sub)} is not a path inside the store ${root}`)
  }
  return join(root, inner)
}
