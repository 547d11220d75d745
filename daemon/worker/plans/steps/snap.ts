import { mkdir, open, rm, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { TransferRoute } from '../../../../rpc-schema/processor/transfer.js'
import { SealError } from '../../../../rpc-schema/seal-error.js'
import { sealProof, updateProof } from '../../../../rpc-schema/wire/proof-types.js'
import { event, type StepContext, step } from '../../engine/plan.js'
import { joinStorePath, TREE_D_FILE } from '../../store/layout.js'
import { sealedFiles } from './persist.js'
import { checkCommD } from './pieces.js'

/** Encodes new data into a sector whose files lie in a persist store. They are only read. */
export const snapEncodeFromStore = step(['base', 'pieces'], async context => {
  await fetchSealed(context)
  return encode(context)
})

/** Encodes new data into the sector that lies in this sealing store. */
export const snapEncode = step(['base', 'pieces'], encode)

/** Makes the proof of the update, and verifies it: the manager does not, and the chain would let a failed message be paid for. */
export const snapProve = step(['base', 'snap_encode_out'], context =>
  context.limited('snap_prove', async () => {
    const { comm_r_new, comm_d_new } = context.need('snap_encode_out')
    const comm_r_old = finalized(context).public.CommR
    const statement = { comm_r_old, comm_r_new, comm_d_new }
    const proof = sealProof(context.sector.ProofType)
    const vannilla_proofs = await context.runStage('snap_vanilla', {
      registered_proof: proof.update,
      ...replicas(context),
      ...statement,
    })
    const output = await context.runStage('snap_prove', {
      registered_proof: proof.update,
      vannilla_proofs,
      ...statement,
    })
    if (output.length !== proof.updateProofBytes) {
      throw new SealError(
        'permanent',
        `snap_prove gave a proof of ${output.length} bytes, expected ${proof.updateProofBytes}`,
      )
    }
    await checkProof(context, {
      updateProof: updateProof(proof.update).name,
      commROld: comm_r_old,
      commRNew: comm_r_new,
      commDNew: comm_d_new,
      proof: output,
    })
    return event('SnapProve', { phases: { snap_prov_out: output } })
  }),
)

async function checkProof(context: StepContext, statement: Parameters<StepContext['verifyUpdate']>[0]): Promise<void> {
  if (await context.busy('builtin VerifyUpdate', () => context.verifyUpdate(statement))) return
  throw new SealError(
    'permanent',
    'the proof of the update does not verify: are the sealed file and its cache those of the replica on the chain?',
  )
}

async function encode(context: StepContext) {
  return context.limited('snap_encode', async () => {
    const { staged, prepared, update, updateCache } = context.paths
    const proof = sealProof(context.sector.ProofType)
    await rm(update, { force: true })
    await rm(updateCache, { recursive: true, force: true })
    await mkdir(updateCache, { recursive: true })
    await symlink(join(prepared, TREE_D_FILE), join(updateCache, TREE_D_FILE))
    await mkdir(dirname(update), { recursive: true })
    await makeFile(update, proof.sectorSize)
    const output = await context.runStage('snap_encode', {
      registered_proof: proof.update,
      ...replicas(context),
      staged_data_path: staged,
      piece_infos: context.need('pieces'),
    })
    await context.sync(update, updateCache)
    checkCommD(context, 'snap_encode', output.comm_d_new)
    return event('SnapEncode', { phases: { snap_encode_out: output } })
  })
}

/**
 * Brings the sector's files within reach: by links into the store, or by copies where the transfer cannot link. Whatever is done
 * here later removes links, never what they lead to.
 */
async function fetchSealed(context: StepContext): Promise<void> {
  const { AccessInstance } = finalized(context).private
  const store = context.stores.get(AccessInstance)
  if (store === undefined) {
    throw new SealError(
      'permanent',
      `the sector's files are in the store ${JSON.stringify(AccessInstance)}, which is not attached to this worker`,
    )
  }
  const info = await context.call(context.manager.StoreBasicInfo(AccessInstance))
  if (info === null) {
    throw new SealError('permanent', `the manager does not know the store ${JSON.stringify(AccessInstance)}`)
  }
  const routes = sealedFiles(context.sector).map(
    (file): TransferRoute => ({
      src: { store_name: store.name, uri: joinStorePath(store.root, file) },
      dest: { store_name: null, uri: join(context.paths.data, file) },
      opt: { is_dir: false, allow_link: true },
    }),
  )
  await context.runStage('transfer', { stores: { [store.name]: { name: store.name, meta: info.Meta } }, routes })
}

/** The sector as it was sealed before. Throws permanent for a sector that was not. */
function finalized(context: StepContext) {
  const found = context.record.finalized
  if (found === null)
    throw new SealError('permanent', 'the record of the sector does not say what it was before the update')
  return found
}

const replicas = ({ paths }: StepContext) => ({
  new_replica_path: paths.update,
  new_cache_path: paths.updateCache,
  sector_path: paths.sealed,
  sector_cache_path: paths.cache,
})

async function makeFile(path: string, bytes: number): Promise<void> {
  const file = await open(path, 'wx')
  try {
    await file.truncate(bytes)
  } finally {
    await file.close()
  }
}
