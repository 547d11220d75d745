import { lstat, mkdir, readdir, readFile, rm, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { toHex } from '../../../../rpc-schema/wire/bytes.js'
import { sealProof } from '../../../../rpc-schema/wire/proof-types.js'
import type { StepContext } from '../../engine/plan.js'
import { readIfThere, syncDirectory, writeDurably } from '../../store/durable-file.js'
import { layerCount, layerFile, PC1_MARKER_FILE, TREE_D_FILE } from '../../store/layout.js'
import { stagedCommD } from './pieces.js'

// The proofs library computes the layers of PC1 one after another, each from the one before, writes each under a temporary name and
// renames it when it is whole, and skips those that are there with the right size. It looks at nothing but the size; so which replica
// the layers belong to, and whether they can have reached the disk, is kept in a marker beside them.

/** All that the labels depend on, and the boot of the machine in which the present layers were written. */
const Marker = z.object({
  seal_proof: z.string(),
  prover_id: z.string(),
  sector: z.number(),
  ticket: z.string(),
  comm_d: z.string(),
  boot: z.string(),
})
type Marker = z.output<typeof Marker>

const BOOT_ID = '/proc/sys/kernel/random/boot_id'

/** Layers in the cache that PC1 with this ticket need not compute again: whole ones, from the first on without a gap. */
export async function usableLayers(context: StepContext, ticket: Uint8Array): Promise<number> {
  const { cache } = context.paths
  const found = await readMarker(cache)
  const present = await markerOf(context, ticket)
  if (found === undefined || !isSameReplica(found, present)) return 0
  const whole = await wholeLayers(context)
  // After a power cut or a crash of the machine a file may have its size but not its content; later layers would be built on that.
  const sameBoot = found.boot !== '' && found.boot === present.boot
  return sameBoot ? whole : Math.max(0, whole - 1)
}

/** Makes the cache ready for PC1: with the first `keep` layers, the tree of the data and nothing else. */
export async function prepareLayers(context: StepContext, ticket: Uint8Array, keep: number): Promise<void> {
  const { cache, prepared } = context.paths
  if (keep === 0) await rm(cache, { recursive: true, force: true })
  await mkdir(cache, { recursive: true })
  const kept = new Set(Array.from({ length: keep }, (_, index) => layerFile(index + 1)))
  for (const name of await readdir(cache)) {
    if (!kept.has(name) && name !== PC1_MARKER_FILE) await rm(join(cache, name), { recursive: true, force: true })
  }
  await symlink(join(prepared, TREE_D_FILE), join(cache, TREE_D_FILE))
  await syncDirectory(cache)
  await syncDirectory(dirname(cache))
  // Only now: a marker of this boot vouches for every layer that lies beside it.
  await writeDurably(join(cache, PC1_MARKER_FILE), `${JSON.stringify(await markerOf(context, ticket))}\n`)
}

/** Makes the next PC1 start from nothing. */
export async function distrustLayers(context: StepContext): Promise<void> {
  await rm(join(context.paths.cache, PC1_MARKER_FILE), { force: true })
}

export async function wholeLayers(context: StepContext): Promise<number> {
  const { sectorSize } = sealProof(context.sector.ProofType)
  const total = layerCount(sectorSize)
  for (let layer = 1; layer <= total; layer++) {
    const found = await lstat(join(context.paths.cache, layerFile(layer))).catch(() => undefined)
    if (!found?.isFile() || found.size !== sectorSize) return layer - 1
  }
  return total
}

async function markerOf(context: StepContext, ticket: Uint8Array): Promise<Marker> {
  const { prove_input } = context.record.base!
  return {
    seal_proof: sealProof(context.sector.ProofType).name,
    prover_id: toHex(prove_input[0]),
    sector: prove_input[1],
    ticket: toHex(ticket),
    comm_d: toHex(stagedCommD(context)),
    boot: (await readFile(BOOT_ID, 'utf8').catch(() => '')).trim(),
  }
}

async function readMarker(cache: string): Promise<Marker | undefined> {
  const text = await readIfThere(join(cache, PC1_MARKER_FILE)).catch(() => undefined)
  if (text === undefined) return undefined
  try {
    return Marker.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

const isSameReplica = ({ boot: _a, ...one }: Marker, { boot: _b, ...other }: Marker): boolean =>
  Object.entries(one).every(([key, value]) => value === other[key as keyof typeof other])
