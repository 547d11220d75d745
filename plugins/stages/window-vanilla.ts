import { readFile } from 'node:fs/promises'
import { vanillasIn } from '../../rpc-schema/manager/vanilla-chunk.js'
import { proverId } from '../../rpc-schema/processor/sector.js'
import type { StageOutput, StageTask } from '../../rpc-schema/processor/stages.js'
import { SealError } from '../../rpc-schema/seal-error.js'
import { postProof } from '../../rpc-schema/wire/proof-types.js'
import { failed } from './prover-failure.js'
import type { StageContext } from './stage-context.js'

/** Proves a window from what its sectors have shown elsewhere, partition by partition: no store is touched. */
export async function windowFromVanillas(
  task: StageTask<'window_post'>,
  files: readonly string[],
  { prover, signal }: StageContext,
): Promise<StageOutput<'window_post'>> {
  const found = new Map<number, Uint8Array>()
  for (const file of files)
    for (const { sector, vanilla } of vanillasIn(await readFile(file))) found.set(sector, vanilla)
  const vanillas = task.replicas.map(({ sector_id: sector }) => {
    const vanilla = found.get(sector)
    if (vanilla === undefined)
      throw new SealError(
        'permanent',
        `nothing of sector ${sector} of miner ${task.miner_id} is in the files that were read`,
      )
    return vanilla
  })
  const { wireName: proofType, partitionSectors } = postProof(task.proof_type)
  const statement = { proofType, randomness: task.seed, proverId: proverId(task.miner_id) }
  const parts: Uint8Array[] = []
  for (let at = 0; at < vanillas.length; at += partitionSectors) {
    signal?.throwIfAborted()
    const request = {
      ...statement,
      vanillaProofs: vanillas.slice(at, at + partitionSectors),
      partitionIndex: at / partitionSectors,
    }
    const { proof } = await prover
      .call('windowPostPartition', request)
      .catch(failed(`window PoSt over what ${task.replicas.length} sectors of miner ${task.miner_id} have shown`))
    parts.push(proof)
  }
  return { proofs: [Buffer.concat(parts)], faults: [] }
}
