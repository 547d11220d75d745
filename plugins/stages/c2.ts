import type { StageOutput, StageTask } from '../../rpc-schema/processor/stages.js'
import { failed } from './prover-failure.js'
import type { StageContext } from './stage-context.js'

/** Makes the seal proof from the vanilla proofs. Takes all cores, and gigabytes of memory, for minutes. */
export async function c2(task: StageTask<'c2'>, { prover }: StageContext): Promise<StageOutput<'c2'>> {
  const { proof } = await prover
    .call('c2', { phase1Output: task.c1out, proverId: task.prover_id, sectorId: task.sector_id })
    .catch(failed(`c2 of sector ${task.sector_id} of miner ${task.miner_id}`))
  return { proof }
}
