import type { PC2Output } from '../../../../rpc-schema/processor/seal.js'
import type { StepContext } from '../../engine/plan.js'

/** The part of a task that names a sealed sector with its cache. */
export function sealedSector(context: StepContext) {
  const { cache, sealed } = context.paths
  return {
    registered_proof: context.sector.ProofType,
    cache_path: cache,
    sealed_file: sealed,
    prover_id: context.record.base!.prove_input[0],
    sector_id: context.sector.ID.Number,
    ticket: context.need('ticket').Ticket,
  }
}

/** Vanilla proofs for a seed. */
export function runC1(context: StepContext, output: PC2Output, seed: Uint8Array) {
  return context.runStage('c1', {
    ...sealedSector(context),
    seed,
    comm_r: output.comm_r,
    comm_d: output.comm_d,
    piece_infos: context.need('pieces'),
  })
}

/** C1 opens the trees at its challenges and fails when a file is bad: seconds, before money is locked. */
export async function checkByC1(context: StepContext, output: PC2Output, times: number): Promise<void> {
  for (let time = 0; time < times; time++) {
    const seed = Uint8Array.from({ length: 32 }, () => Math.floor(context.random() * 256))
    await runC1(context, output, seed)
  }
}
