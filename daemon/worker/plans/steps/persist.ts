import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { StoreBasicInfo } from '../../../../rpc-schema/manager/stores.js'
import type { TransferRoute } from '../../../../rpc-schema/processor/transfer.js'
import { SealError } from '../../../../rpc-schema/seal-error.js'
import { sealProof } from '../../../../rpc-schema/wire/proof-types.js'
import { event, type StepContext, step } from '../../engine/plan.js'
import { cacheDir, joinStorePath, persistedCacheFiles, sealedFile } from '../../store/layout.js'

const GIB = 1024 ** 3

/** Bytes to ask for: small sectors have caches larger than themselves. */
const requiredBytes = (sectorSize: number): number =>
  sectorSize < 32 * GIB ? 2 * sectorSize : sectorSize + Math.floor(sectorSize / 50)

/** Copies what must be kept into a persist store that the manager chooses. */
export const persistSealed = step(['base'], async context => {
  const { ID, ProofType } = context.sector
  const files = [sealedFile(ID), ...persistedCacheFiles(ProofType).map(name => join(cacheDir(ID), name))]
  const sources = files.map(file => ({ file, path: join(context.paths.data, file) }))
  for (const { path } of sources) await mustExist(path)
  const reserved = await reserveSpace(context, requiredBytes(sealProof(ProofType).sectorSize))
  const store = context.stores.get(reserved.Name)
  if (store === undefined) {
    throw new SealError(
      'permanent',
      `the manager chose the store ${JSON.stringify(reserved.Name)}, which is not attached to this worker`,
    )
  }
  const routes = sources.map(
    ({ file, path }): TransferRoute => ({
      src: { store_name: null, uri: path },
      dest: { store_name: store.name, uri: joinStorePath(store.root, file) },
      opt: null,
    }),
  )
  await context.runStage('transfer', { stores: { [store.name]: { name: store.name, meta: reserved.Meta } }, routes })
  return event('Persist', { phases: { persist_instance: store.name } })
})

export const submitPersisted = step(['base', 'persist_instance'], async context => {
  const instance = context.need('persist_instance')
  if (await context.call(context.manager.SubmitPersistedEx(context.sector.ID, instance, false)))
    return event('SubmitPersistance')
  throw new SealError(
    'permanent',
    `the manager does not find the sector's files in the store ${instance}: is it the same directory on both sides?`,
  )
})

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
