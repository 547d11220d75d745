import { SealError } from '../../../../rpc-schema/seal-error.js'
import { type SealProofType, sealProof, sealProofFor } from '../../../../rpc-schema/wire/proof-types.js'
import { classified, Interrupt } from '../../engine/failure.js'
import { event, FINISHED, type StepContext, step } from '../../engine/plan.js'
import { runC1 } from './vanilla.js'

const SECOND = 1_000

/** `askAs`: which seal proof the manager is told; by it, it knows where the seed is to come from. */
const waitSeedFor = (askAs: (proof: SealProofType) => SealProofType) =>
  step(['base'], async context => {
    const { number } = askAs(sealProof(context.sector.ProofType))
    for (;;) {
      const answer = await context.call(context.manager.WaitSeed(context.sector.ID, number))
      if (answer.Seed !== null) return event('AssignSeed', { phases: { seed: answer.Seed } })
      if (!answer.ShouldWait || answer.Delay <= 0) {
        throw new SealError('temporary', 'the manager gave neither a seed nor a time to wait for it')
      }
      await context.wait(answer.Delay * SECOND)
    }
  })

export const waitSeed = waitSeedFor(proof => proof)
export const waitNonInteractiveSeed = waitSeedFor(proof =>
  sealProofFor(proof.sectorSize, 'V1_2_Feat_NonInteractivePoRep'),
)

export const c1 = step(['base', 'pieces', 'ticket', 'pc2out', 'seed'], context =>
  context.limited('c1', async () => {
    const output = await runC1(context, context.need('pc2out'), context.need('seed').Seed)
    return event('C1', { phases: { c1out: await context.writeOutput('c1', output) } })
  }),
)

export const c2 = step(['base', 'c1out'], context =>
  context.limited('c2', async () => {
    const c1out = (await context.readOutput(context.need('c1out'))) as { registered_proof: string }
    const { ID, ProofType } = context.sector
    const output = await context.runStage('c2', {
      c1out,
      prover_id: context.record.base!.prove_input[0],
      sector_id: ID.Number,
      miner_id: ID.Miner,
    })
    checkProofLength(sealProof(ProofType), output.proof.length)
    return event('C2', { phases: { c2out: output } })
  }),
)

/** The length of an interactive proof is known; a non-interactive one has as many parts as its prover makes of it. */
function checkProofLength({ feature, sealProofBytes }: SealProofType, bytes: number): void {
  if (feature === 'nonInteractive' ? bytes > 0 : bytes === sealProofBytes) return
  throw new SealError('permanent', `C2 gave a proof of ${bytes} bytes, expected ${sealProofBytes}`)
}

/** Frees the disk: the files that count are in a persist store, and the proof is on the chain. */
export async function clearCache(context: StepContext): Promise<void> {
  const { ProofType } = context.sector
  const synthetic = sealProof(ProofType).feature === 'synthetic'
  try {
    await context.runStage('clear_cache', { registered_proof: ProofType, cache_path: context.paths.cache, synthetic })
  } catch (error) {
    if (error instanceof Interrupt || classified(error).class === 'temporary') throw error
    throw new SealError('temporary', 'clearing the cache', { cause: error })
  }
}

export const finished = step(['base'], async () => FINISHED)
