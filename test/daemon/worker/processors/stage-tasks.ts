import type { StageName, StageTask } from '../../../../rpc-schema/processor/stages.js'
import { postProofByName, updateProofByName } from '../../../../rpc-schema/wire/proof-types.js'

const bytes = new Uint8Array(32)
const sector = { registered_proof: 5, prover_id: bytes, sector_id: 7 }
const sealed = { ...sector, cache_path: '/cache', sealed_file: '/sealed', ticket: bytes }
const replicas = {
  new_replica_path: '/new',
  new_cache_path: '/new-cache',
  sector_path: '/old',
  sector_cache_path: '/old-cache',
}
const commitments = { comm_r_old: bytes, comm_r_new: bytes, comm_d_new: bytes }
const update = updateProofByName('StackedDrg2KiBV1').number
const opaque = { registered_proof: 'StackedDrg2KiBV1_1' }
const post = { miner_id: 1_000, replicas: [], seed: bytes }

/** A task of every stage that a processor can read. */
export const STAGE_TASKS: { readonly [S in StageName]: StageTask<S> } = {
  add_pieces: { seal_proof_type: 5, pieces: [], staged_filepath: '/staged' },
  tree_d: { registered_proof: 5, staged_file: '/staged', cache_dir: '/cache' },
  pc1: { ...sector, cache_path: '/cache', in_path: '/staged', out_path: '/sealed', ticket: bytes, piece_infos: [] },
  pc2: { pc1out: opaque, cache_dir: '/cache', sealed_file: '/sealed' },
  synth_proof: { ...sealed, comm_r: bytes, comm_d: bytes, piece_infos: [] },
  c1: { ...sealed, seed: bytes, comm_r: bytes, comm_d: bytes, piece_infos: [] },
  c2: { c1out: opaque, prover_id: bytes, sector_id: 7, miner_id: 1_000 },
  clear_cache: { registered_proof: 5, cache_path: '/cache', synthetic: false },
  snap_encode: { registered_proof: update, ...replicas, staged_data_path: '/staged', piece_infos: [] },
  snap_vanilla: { registered_proof: update, ...replicas, ...commitments },
  snap_prove: { registered_proof: update, vannilla_proofs: [], ...commitments },
  snap_decode: {
    ...sector,
    comm_d_old: bytes,
    comm_r_old: bytes,
    ticket: bytes,
    comm_d_new: bytes,
    new_replica_path: '/new',
    unsealed_output: '/unsealed',
    offset: 0,
    num_bytes: 127,
  },
  unseal: {
    ...sector,
    comm_d: bytes,
    ticket: bytes,
    cache_dir: '/cache',
    sealed_file: '/sealed',
    unsealed_output: '/unsealed',
    offset: 0,
    num_bytes: 127,
  },
  transfer: { stores: {}, routes: [] },
  window_post: { ...post, proof_type: postProofByName('StackedDrgWindow2KiBV1_2').number },
  winning_post: { ...post, proof_type: postProofByName('StackedDrgWinning2KiBV1').number },
}
