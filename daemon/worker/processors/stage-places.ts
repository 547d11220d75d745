import type { StageName } from '../../../rpc-schema/processor/stages.js'

/**
 * Where a stage runs that has no `[[processors.<stage>]]` entry.
 *
 * | place | meaning                                                                                                      |
 * |-------|--------------------------------------------------------------------------------------------------------------|
 * | pool  | in a thread of the worker: cheapest, but a native call cannot be ended                                       |
 * | child | in one process of this same program, started with the first task, killed and replaced when it stalls         |
 *
 * A file system that hangs takes the threads of the process with it that touches it. What copies to and from persist stores is
 * therefore not done by the worker itself, which goes on with everything else.
 */
export const STAGE_PLACES: Readonly<Record<StageName, 'pool' | 'child'>> = {
  add_pieces: 'pool',
  tree_d: 'pool',
  pc1: 'pool',
  pc2: 'pool',
  synth_proof: 'pool',
  c1: 'pool',
  c2: 'pool',
  clear_cache: 'pool',
  snap_encode: 'pool',
  snap_vanilla: 'pool',
  snap_prove: 'pool',
  snap_decode: 'pool',
  unseal: 'pool',
  transfer: 'child',
  window_post: 'pool',
  winning_post: 'pool',
}
