import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { isStage, type StageName } from '../../rpc-schema/processor/stages.js'

const SEAL_PROOF = 'StackedDrg2KiBV1_1'
const UPDATE_PROOF = 'StackedDrg2KiBV1'
const SECTOR_BYTES = 2048

/** 32 bytes of a field element. */
const filled = (byte: number): number[] => [...Array<number>(31).fill(byte), 0]

const sector = { prover_id: [232, 7, ...Array<number>(30).fill(0)], sector_id: 1 }
const pieces = [{ commitment: filled(1), size: 2032 }]
const commitments = { comm_r_old: filled(3), comm_r_new: filled(5), comm_d_new: filled(6) }

/**
 * A task of each stage, as it stands in a request, that must fail, at once and without harm: its files lie below `blocker`, which is a file and no directory, so
 * that not even a processor that creates what is missing gets anywhere.
 */
export function failingTasks(blocker: string): { readonly [S in StageName]: object } {
  const missing = (name: string): string => path.join(blocker, name)
  const sealed = {
    registered_proof: SEAL_PROOF,
    cache_path: missing('cache'),
    sealed_file: missing('sealed'),
    ...sector,
    ticket: filled(2),
    comm_r: filled(3),
    comm_d: filled(4),
    piece_infos: pieces,
  }
  const replicas = {
    new_replica_path: missing('update'),
    new_cache_path: missing('update-cache'),
    sector_path: missing('sealed'),
    sector_cache_path: missing('cache'),
  }
  const post = (proof: string) => ({
    miner_id: 1000,
    proof_type: proof,
    replicas: [{ sector_id: 1, comm_r: filled(3), cache_dir: missing('cache'), sealed_file: missing('sealed') }],
    seed: filled(7),
  })

  return {
    add_pieces: {
      seal_proof_type: SEAL_PROOF,
      pieces: [{ piece_file: { local: missing('piece') }, payload_size: 1016, piece_size: 2032 }],
      staged_filepath: missing('staged'),
    },
    tree_d: { registered_proof: SEAL_PROOF, staged_file: missing('staged'), cache_dir: missing('cache') },
    pc1: {
      registered_proof: SEAL_PROOF,
      cache_path: missing('cache'),
      in_path: missing('staged'),
      out_path: missing('sealed'),
      ...sector,
      ticket: filled(2),
      piece_infos: pieces,
    },
    pc2: {
      pc1out: { registered_proof: SEAL_PROOF, labels: {}, config: {}, comm_d: filled(4) },
      cache_dir: missing('cache'),
      sealed_file: missing('sealed'),
    },
    synth_proof: sealed,
    c1: { ...sealed, seed: filled(7) },
    c2: {
      c1out: {
        registered_proof: SEAL_PROOF,
        vanilla_proofs: {},
        comm_r: filled(3),
        comm_d: filled(4),
        replica_id: filled(8),
        seed: filled(7),
        ticket: filled(2),
      },
      ...sector,
      miner_id: 1000,
    },
    clear_cache: { registered_proof: SEAL_PROOF, cache_path: missing('cache'), synthetic: false },
    snap_encode: {
      registered_proof: UPDATE_PROOF,
      ...replicas,
      staged_data_path: missing('staged'),
      piece_infos: pieces,
    },
    snap_vanilla: { registered_proof: UPDATE_PROOF, ...replicas, ...commitments },
    snap_prove: { registered_proof: UPDATE_PROOF, vannilla_proofs: [[1, 2, 3]], ...commitments },
    snap_decode: {
      registered_proof: SEAL_PROOF,
      ...sector,
      comm_d_old: filled(4),
      comm_r_old: filled(3),
      ticket: filled(2),
      comm_d_new: filled(6),
      new_replica_path: missing('update'),
      unsealed_output: missing('unsealed'),
      offset: 0,
      num_bytes: 2032,
    },
    unseal: {
      registered_proof: SEAL_PROOF,
      ...sector,
      comm_d: filled(4),
      ticket: filled(2),
      cache_dir: missing('cache'),
      sealed_file: missing('sealed'),
      unsealed_output: missing('unsealed'),
      offset: 0,
      num_bytes: 2032,
    },
    transfer: {
      stores: {},
      routes: [
        {
          src: { store_name: null, uri: missing('src') },
          dest: { store_name: null, uri: missing('dest') },
          opt: { is_dir: false, allow_link: false },
        },
      ],
    },
    window_post: post('StackedDrgWindow2KiBV1_2'),
    winning_post: post('StackedDrgWinning2KiBV1'),
  }
}

/**
 * Outputs by which a stage may say of its failing task that it found the trouble: sectors that cannot be read are faults of a window
 * PoSt, and a cache that is not there needs no clearing.
 */
const TOLERATED: { readonly [S in StageName]?: (output: unknown) => boolean } = {
  window_post: output => ((output as { faults?: unknown[] } | null)?.faults?.length ?? 0) > 0,
  clear_cache: output => output === true,
}

/** Tasks that work on small files of their own in an empty `directory`. */
const VALID_TASKS: { readonly [S in StageName]?: (directory: string) => Promise<object> } = {
  add_pieces: async directory => ({
    seal_proof_type: SEAL_PROOF,
    pieces: [],
    staged_filepath: path.join(directory, 'staged'),
  }),
  tree_d: async directory => {
    const staged = path.join(directory, 'staged')
    await writeFile(staged, Buffer.alloc(SECTOR_BYTES))
    return { registered_proof: SEAL_PROOF, staged_file: staged, cache_dir: path.join(directory, 'cache') }
  },
  transfer: async directory => {
    const src = path.join(directory, 'src')
    await writeFile(src, 'replica')
    return {
      stores: {},
      routes: [
        {
          src: { store_name: null, uri: src },
          dest: { store_name: null, uri: path.join(directory, 'dest') },
          opt: { is_dir: false, allow_link: false },
        },
      ],
    }
  },
}

export interface TrialTasks {
  /** Must be answered with an error. */
  readonly failing: unknown
  /** Must be answered with an output. */
  readonly valid: unknown
  /** Of ours: a processor that is made for larger sectors only may refuse it. */
  readonly validIsOurs: boolean
  toleratesOutput(output: unknown): boolean
}

/** The tasks of a trial: what the caller gave, else what is known for the stage, else undefined. */
export async function trialTasks(
  stage: string,
  directory: string,
  given: { readonly valid?: unknown; readonly failing?: unknown },
): Promise<TrialTasks> {
  const known = isStage(stage) ? stage : undefined
  const blocker = path.join(directory, 'no-directory')
  await writeFile(blocker, '')
  return {
    failing: given.failing ?? (known && failingTasks(blocker)[known]),
    valid: given.valid ?? (known && (await VALID_TASKS[known]?.(directory))),
    validIsOurs: given.valid === undefined,
    toleratesOutput: output =>
      given.failing === undefined && known !== undefined && TOLERATED[known]?.(output) === true,
  }
}
