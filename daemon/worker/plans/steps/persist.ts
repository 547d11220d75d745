import { lstat, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { AllocatedSector } from '../../../../rpc-schema/manager/allocation.js'
import type { StoreBasicInfo } from '../../../../rpc-schema/manager/stores.js'
import type { TransferRoute } from '../../../../rpc-schema/processor/transfer.js'
import { SealError } from '../../../../rpc-schema/seal-error.js'
import { sealProof } from '../../../../rpc-schema/wire/proof-types.js'
import { event, type StepContext, step } from '../../engine/plan.js'
import {
  cacheDir,
  joinStorePath,
  persistedCacheFiles,
  sealedFile,
  updateCacheDir,
  updateFile,
} from '../../store/layout.js'

const GIB = 1024 ** 3

type FilesOf = (sector: AllocatedSector) => readonly string[]

/** Bytes to ask for: small sectors have caches larger than themselves. */
export const requiredBytes = (sectorSize: number): number =>
  sectorSize < 32 * GIB ? 2 * sectorSize : sectorSize + Math.floor(sectorSize / 50)

/** Relative paths, in any store, of the files that a sector lives by. */
export const sealedFiles: FilesOf = ({ ID, ProofType }) => [
  sealedFile(ID),
  ...persistedCacheFiles(ProofType).map(name => join(cacheDir(ID), name)),
]

/** Those of an upgraded sector. */
export const updateFiles: FilesOf = ({ ID, ProofType }) => [
  updateFile(ID),
  ...persistedCacheFiles(ProofType).map(name => join(updateCacheDir(ID), name)),
]

/**
 * Copies files of the sector into a persist store that the manager chooses; on return they are on its disk. Those that lie there under their names already
 * stay as they are. Gives the store's name.
 */
export async function persistFiles(context: StepContext, filesOf: FilesOf): Promise<string> {
  const sources = filesOf(context.sector).map(file => ({ file, path: join(context.paths.data, file) }))
  for (const { path } of sources) await mustExist(path)
  const reserved = await reserveSpace(context, requiredBytes(sealProof(context.sector.ProofType).sectorSize))
  const store = context.stores.get(reserved.Name)
  if (store === undefined) {
    throw new SealError(
      'permanent',
      `the manager chose the store ${JSON.stringify(reserved.Name)}, which is not attached to this worker`,
    )
  }
  const routes: TransferRoute[] = []
  for (const { file, path } of sources) {
    const target = joinStorePath(store.root, file)
    // A link is not what a store is to keep.
    if (path === target && !(await lstat(path)).isSymbolicLink()) continue
    routes.push({ src: { store_name: null, uri: path }, dest: { store_name: store.name, uri: target }, opt: null })
  }
  if (routes.length === 0) return store.name
  await context.runStage('transfer', { stores: { [store.name]: { name: store.name, meta: reserved.Meta } }, routes })
  return store.name
}

export const persistSealed = step(['base'], async context =>
  event('Persist', { phases: { persist_instance: await persistFiles(context, sealedFiles) } }),
)

export const submitPersisted = step(['base', 'persist_instance'], async context => {
  await submitPersistedAs(context, { upgrade: false })
  return event('SubmitPersistance')
})

/** Tells the manager where the files are. `upgrade`: they are those of an upgraded sector. */
export async function submitPersistedAs(context: StepContext, { upgrade }: { upgrade: boolean }): Promise<void> {
  const instance = context.need('persist_instance')
  if (await context.call(context.manager.SubmitPersistedEx(context.sector.ID, instance, upgrade))) return
  throw new SealError(
    'permanent',
    `the manager does not find the sector's files in the store ${instance}: is it the same directory on both sides?`,
  )
}

/** Asked again for the same sector and size, the manager gives the same store and reserves nothing more. */
async function reserveSpace(context: StepContext, bytes: number): Promise<StoreBasicInfo> {
  const candidates = context.stores.writable
  if (candidates.length === 0) {
    throw new SealError('permanent', 'no attached store takes new sectors: all are read-only')
  }
  for (;;) {
    const store = await context.call(context.manager.StoreReserveSpace(context.sector.ID, bytes, candidates))
    if (store !== null) return store
    context.log.warn({ bytes, candidates }, 'no attached store has room for the sector; asking again later')
    await context.wait(context.config.pollingIntervalMs)
  }
}

async function mustExist(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined)
  if (!found?.isFile()) throw new SealError('permanent', `${path}, which has to be persisted, is missing`)
}
