import type { Gpu } from '../hardware/gpus.js'
import { sizeText } from '../hardware/size-text.js'
import { GPU_MEMORY_BYTES } from './stage-minutes.js'

/** Work that a GPU speeds up, most important first: a window missed costs power, a C2 stands for hours of finished work. */
export const GPU_ROLES = ['wdpost', 'c2', 'pc2'] as const
export type GpuRole = (typeof GPU_ROLES)[number]

/** A GPU as CUDA counts it in the order of the bus. */
export interface AssignedGpu {
  readonly device: number
  readonly gpu: Gpu
}

export interface GpuAssignment {
  readonly byRole: Readonly<Record<GpuRole, readonly AssignedGpu[]>>
  /** C2 and PC2 take turns on one GPU. */
  readonly shared: boolean
  readonly notes: readonly string[]
}

/**
 * Gives GPUs to roles by rank: one to each, then more to C2 and PC2 while `enough` says that they need it. Window PoSt never shares.
 * PC2 without a GPU of its own takes turns with C2.
 */
export function assignGpus(
  gpus: readonly Gpu[],
  roles: readonly GpuRole[],
  needed: (role: 'c2' | 'pc2', have: number) => boolean,
): GpuAssignment {
  const notes: string[] = []
  const cuda = gpus.filter(gpu => gpu.vendor === 'NVIDIA')
  const others = gpus.length - cuda.length
  if (others > 0)
    notes.push(
      `${others} GPU${others === 1 ? '' : 's'} not of NVIDIA: not assigned, there is no common way to pin work to one`,
    )
  // The largest memory first: the proofs of window PoSt and C2 want more of it than PC2.
  const free = cuda
    .map((gpu, device): AssignedGpu => ({ device, gpu }))
    .sort((a, b) => (b.gpu.memoryBytes ?? 0) - (a.gpu.memoryBytes ?? 0) || a.device - b.device)
  const byRole: Record<GpuRole, AssignedGpu[]> = { wdpost: [], c2: [], pc2: [] }
  const give = (role: GpuRole): void => {
    const gpu = free.shift()
    if (gpu !== undefined) byRole[role].push(gpu)
  }
  const wanted = GPU_ROLES.filter(role => roles.includes(role))
  for (const role of wanted) give(role)
  const shared = wanted.includes('pc2') && byRole.pc2.length === 0 && byRole.c2.length > 0
  if (shared) byRole.pc2 = [...byRole.c2]
  for (const role of ['c2', 'pc2'] as const) {
    while (roles.includes(role) && free.length > 0 && needed(role, byRole[role].length)) give(role)
  }
  for (const role of wanted) {
    if (byRole[role].length === 0) notes.push(`no GPU left for ${role}: it runs on processors, many times slower`)
    for (const { device, gpu } of byRole[role]) {
      if (gpu.memoryBytes === undefined || gpu.memoryBytes >= GPU_MEMORY_BYTES[role]) continue
      notes.push(
        `GPU ${device} (${gpu.name}) has ${sizeText(gpu.memoryBytes)}; ${role} of full-size sectors wants ${sizeText(GPU_MEMORY_BYTES[role])}: try it before you rely on it`,
      )
    }
  }
  if (shared) notes.push(`C2 and PC2 take turns on GPU ${byRole.c2[0]!.device}: there is none for PC2 alone`)
  if (free.length > 0) {
    notes.push(`not needed: GPU ${free.map(({ device, gpu }) => `${device} (${gpu.name})`).join(', ')}`)
  }
  return { byRole, shared, notes }
}
