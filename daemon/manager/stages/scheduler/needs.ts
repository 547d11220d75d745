import type { StageKind } from '../../../../rpc-schema/stages/kinds.js'
import { demandOf } from '../../../kit/sealing/sector-demand.js'

interface Needs {
  /** Shares of what a sector takes in memory while it is sealed (64 GiB for one of 32 GiB). */
  readonly memory: number
  /** Reads the cache of the graph's parents, which a machine holds once. */
  readonly parents: boolean
  /** How a GPU is handed out; wdPoSt > C2 > P2. */
  readonly gpu: 'none' | 'first' | 'after C2'
  /** `one` core to itself, or `all` of the worker's cores. */
  readonly cores: 'none' | 'one' | 'all'
  /** Part of a sector's room on the disk that this task is the one to fill. */
  readonly fills: number
  /** The further a sector is, the sooner it is to be done with: it holds room and deposit. */
  readonly rank: number
}

// biome-ignore format: a table
const NEEDS: Readonly<Record<StageKind, Needs>> = {
  AP:       { memory: 1 / 8, parents: false, gpu: 'none',     cores: 'none', fills: 0.15, rank: 0 },
  PC1:      { memory: 1,     parents: true,  gpu: 'none',     cores: 'one',  fills: 0.75, rank: 1 },
  PC2:      { memory: 1,     parents: false, gpu: 'after C2', cores: 'all',  fills: 0.1,  rank: 2 },
  WAIT:     { memory: 0,     parents: false, gpu: 'none',     cores: 'none', fills: 0,    rank: 6 },
  C1:       { memory: 1 / 8, parents: false, gpu: 'none',     cores: 'none', fills: 0,    rank: 3 },
  C2:       { memory: 2,     parents: false, gpu: 'first',    cores: 'all',  fills: 0,    rank: 4 },
  FINALIZE: { memory: 0,     parents: false, gpu: 'none',     cores: 'none', fills: 0,    rank: 5 },
}

export const needsOf = (kind: StageKind): Needs => NEEDS[kind]

export const memoryBytesOf = (kind: StageKind, sectorSize: number): number =>
  NEEDS[kind].memory * demandOf(sectorSize).memoryBytes

export const parentsBytesOf = (sectorSize: number): number => demandOf(sectorSize).sharedMemoryBytes

const FILLING: readonly StageKind[] = ['AP', 'PC1', 'PC2']

/** What a sector will still take on the disk from the start of this task on. */
export function roomToFillBytes(kind: StageKind, sectorSize: number): number {
  const at = FILLING.indexOf(kind)
  if (at < 0) return 0
  const part = FILLING.slice(at).reduce((sum, filling) => sum + NEEDS[filling].fills, 0)
  return Math.ceil(part * demandOf(sectorSize).diskBytes)
}

/** What a sector's files take before this task is done: to be copied with it. */
export const roomOfFilesBytes = (kind: StageKind, sectorSize: number): number =>
  demandOf(sectorSize).diskBytes - roomToFillBytes(kind, sectorSize)
