import path from 'node:path'
import type { Progress } from '../../rpc-schema/processor/frames.js'
import { layerCount, layerFile, treeCFiles, treeRLastFiles } from './cache-files.js'
import { fileBytes, writtenBytes } from './watched-progress.js'

/**
 * PC1 by its layers: the library writes each when it is computed, under its name when it is whole. All layers take about as long, those
 * that were there before take none.
 */
export async function layersProgress(cacheDir: string, sectorSize: number): Promise<Progress> {
  const total = layerCount(sectorSize)
  let whole = 0
  while (whole < total && (await fileBytes(path.join(cacheDir, layerFile(whole + 1)))) === sectorSize) whole += 1
  return { done: whole / total, step: `layer ${Math.min(whole + 1, total)}/${total}` }
}

/** Bytes of tree-c over a sector, of which each node has eight below it. */
const treeCBytes = (sectorSize: number): number => (8 * sectorSize) / 7

/** PC2 by the trees that it builds: tree-c over the columns of all layers by bytes, then tree-r-last over the replica by files. */
export async function treesProgress(cacheDir: string, sectorSize: number): Promise<Progress> {
  const [columns, replicas] = [treeCFiles(sectorSize), treeRLastFiles(sectorSize)]
  const columnBytes = await sum(columns.map(file => writtenBytes(path.join(cacheDir, file))))
  const replicaFiles = await present(replicas.map(file => path.join(cacheDir, file)))
  const columnShare = replicaFiles > 0 ? 1 : Math.min(1, columnBytes / treeCBytes(sectorSize))
  // The file that is being written is not done.
  const replicaShare = Math.max(0, replicaFiles - 1) / replicas.length
  const step = replicaFiles > 0 ? `tree-r-last ${replicaFiles}/${replicas.length}` : 'tree-c'
  return { done: (columnShare + replicaShare) / 2, step }
}

/** Encoding new data by the replica's bytes, then by the files of its tree. */
export async function encodeProgress(replica: string, cacheDir: string, sectorSize: number): Promise<Progress> {
  const trees = treeRLastFiles(sectorSize)
  const files = await present(trees.map(file => path.join(cacheDir, file)))
  const encoded = files > 0 ? 1 : Math.min(1, (await writtenBytes(replica)) / sectorSize)
  const step = files > 0 ? `tree-r-last ${files}/${trees.length}` : 'encode'
  return { done: (encoded + Math.max(0, files - 1) / trees.length) / 2, step }
}

const sum = async (numbers: readonly Promise<number>[]): Promise<number> =>
  (await Promise.all(numbers)).reduce((total, each) => total + each, 0)

const present = (files: readonly string[]): Promise<number> =>
  sum(files.map(async file => ((await fileBytes(file)) === undefined ? 0 : 1)))
