import { GIB } from '../../kit/sealing/sector-demand.js'

const FULL_SIZE = 32 * GIB

/** Minutes that stages take. */
export interface StageMinutes {
  readonly treeD: number
  readonly pc1: number
  readonly pc2: number
  readonly c2: number
  /** From the pre-commit to the seed, the landing of the message included. */
  readonly seed: number
}

/** 32 GiB on an EPYC 7642 with an RTX 3080, as the documents of damocles give them. */
const MINUTES_WITH_GPU: StageMinutes = { treeD: 1, pc1: 177, pc2: 13, c2: 16, seed: 80 }
/** Without a GPU: measured by lotus-bench on a Ryzen 3700X (lotus issue 1475). */
const MINUTES_WITHOUT_GPU = { pc2: 244, c2: 96 }

/** Expected minutes; undefined for trial sectors, whose time is all start-up. Times grow with the size of the sector. */
export function expectedMinutes(
  sectorSize: number,
  gpu: { readonly pc2: boolean; readonly c2: boolean },
): StageMinutes | undefined {
  if (sectorSize < FULL_SIZE) return undefined
  const scale = sectorSize / FULL_SIZE
  const { treeD, pc1, seed } = MINUTES_WITH_GPU
  return {
    treeD: treeD * scale,
    pc1: pc1 * scale,
    pc2: (gpu.pc2 ? MINUTES_WITH_GPU : MINUTES_WITHOUT_GPU).pc2 * scale,
    c2: (gpu.c2 ? MINUTES_WITH_GPU : MINUTES_WITHOUT_GPU).c2 * scale,
    seed,
  }
}

/** Memory of a GPU under which the proof of full-size sectors is said to fail or to crawl. */
export const GPU_MEMORY_BYTES = { wdpost: 8.5 * GIB, c2: 10 * GIB, pc2: 5 * GIB } as const
