import type { StageTask } from '../../rpc-schema/processor/stages.js'

/** The order in which Rust writes the members of the structure: the id of the task is made from these bytes. */
const C1_ORDER = ['registered_proof', 'vanilla_proofs', 'comm_r', 'comm_d', 'replica_id', 'seed', 'ticket'] as const

/** What a C2 task is made from, as the original's plugin sends it: the same sector and seed give the same bytes, whoever submits them. */
export function c2Document({ c1out, prover_id, sector_id, miner_id }: StageTask<'c2'>): Buffer {
  const ordered = Object.fromEntries(C1_ORDER.flatMap(name => (name in c1out ? [[name, c1out[name]]] : [])))
  return Buffer.from(JSON.stringify({ c1out: ordered, prover_id: [...prover_id], sector_id, miner_id }))
}
