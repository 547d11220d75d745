// Files of a sector's cache directory, under the names that the proofs library gives them.

const GIB = 1024 ** 3

export const TREE_D_FILE = 'sc-02-data-tree-d.dat'

/** Layers of a sector's graph. */
export const layerCount = (sectorSize: number): number => (sectorSize < 32 * GIB ? 2 : 11)
/** The file of a layer, from 1 on; it is as long as the sector. */
export const layerFile = (layer: number): string => `sc-02-data-layer-${layer}.dat`
export const isLayerFile = (name: string): boolean => /^sc-02-data-layer-\d+\.dat$/.test(name)

/** Files over which tree-c and tree-r-last are spread, by sector size; undefined: a single one without a number in its name. */
const TREE_PARTS: ReadonlyMap<number, number> = new Map([
  [32 * GIB, 8],
  [64 * GIB, 16],
])

function treeFiles(tree: 'c' | 'r-last', sectorSize: number): string[] {
  const parts = TREE_PARTS.get(sectorSize)
  if (parts === undefined) return [`sc-02-data-tree-${tree}.dat`]
  return Array.from({ length: parts }, (_, part) => `sc-02-data-tree-${tree}-${part}.dat`)
}

export const treeCFiles = (sectorSize: number): string[] => treeFiles('c', sectorSize)
export const treeRLastFiles = (sectorSize: number): string[] => treeFiles('r-last', sectorSize)
