import { constants } from 'node:fs'
import { copyFile, open, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { PC2Output } from '../../../../rpc-schema/processor/seal.js'
import { SealError } from '../../../../rpc-schema/seal-error.js'
import { sealProof } from '../../../../rpc-schema/wire/proof-types.js'
import { classified, Interrupt } from '../../engine/failure.js'
import { event, type RecordChanges, type StepContext, step } from '../../engine/plan.js'
import { syncDirectory } from '../../store/durable-file.js'
import { isLayerFile, PC2_MARKER_FILE } from '../../store/layout.js'
import { noteTime } from './pc1.js'
import { sealedFiles } from './persist.js'
import { checkCommD } from './pieces.js'
import { checkByC1, sealedSector } from './vanilla.js'

const PC2_NEEDS = ['base', 'pieces', 'ticket', 'pc1out'] as const

export const pc2 = step(PC2_NEEDS, async context => {
  const changes = await sealReplica(context)
  const synthetic = sealProof(context.sector.ProofType).feature === 'synthetic'
  return event(synthetic ? 'PC2NeedSyntheticProof' : 'PC2', changes)
})

export const pc2NonInteractive = step(PC2_NEEDS, async context => event('PC2', await sealReplica(context)))

async function sealReplica(context: StepContext): Promise<RecordChanges> {
  const start = context.clock.monotonic()
  return context.limited('pc2', async () => {
    const completed = await completedPc2(context)
    const output = completed ?? (await runPc2(context))
    await checkPc2(context, output)
    // With the wait for its turn: that, too, makes a ticket older.
    if (completed === undefined) await noteTime(context, 'pc2', context.clock.monotonic() - start)
    return { phases: { pc2out: output }, sealyard: { pc2_complete: false } }
  })
}

/**
 * The proofs library makes all trees of PC2 and the replica again, whatever is there. So only a PC2 that was at its end is not
 * repeated: its output is journaled before the check that follows it.
 */
async function completedPc2(context: StepContext): Promise<PC2Output | undefined> {
  if (!context.record.sealyard.pc2_complete || context.record.phases.pc2out === null) return undefined
  for (const file of sealedFiles(context.sector)) {
    const found = await stat(join(context.paths.data, file)).catch(() => undefined)
    if (!found?.isFile()) return undefined
  }
  context.log.info('PC2 was at its end: what it made is there')
  return context.record.phases.pc2out
}

async function runPc2(context: StepContext): Promise<PC2Output> {
  const { cache, sealed } = context.paths
  await preparePc2(context)
  const pc1out = (await context.readOutput(context.need('pc1out'))) as { registered_proof: string }
  const output = await context.runStage('pc2', { pc1out, cache_dir: cache, sealed_file: sealed })
  await context.sync(cache, sealed)
  await context.save({ phases: { pc2out: output }, sealyard: { pc2_complete: true } })
  return output
}

/** What does not stand the check is not taken up again. */
async function checkPc2(context: StepContext, output: PC2Output): Promise<void> {
  try {
    checkCommD(context, 'PC2', output.comm_d)
    if (context.config.verifyAfterPc2) await checkByC1(context, output, 1)
  } catch (error) {
    if (!(error instanceof Interrupt)) await context.save({ sealyard: { pc2_complete: false } })
    throw error
  }
}

/**
 * PC2 encodes the sealed file in place. Once it has been started, only a fresh copy of the staged data is a valid input, so the
 * marker stays from then on until PC1 wipes the cache: also a sector that is sent back to PC2 later starts from clean data.
 */
async function preparePc2(context: StepContext): Promise<void> {
  const { cache, staged, sealed } = context.paths
  const left = (await readdir(cache)).filter(name => /^(p_aux|t_aux)$|tree-c|tree-r-last/.test(name))
  for (const name of left) await rm(join(cache, name), { force: true })
  const marker = join(cache, PC2_MARKER_FILE)
  if (await stat(marker).catch(() => undefined)) {
    context.log.info('PC2 was started on this sector before: its input is restored from the staged data')
    await copyFile(staged, sealed, constants.COPYFILE_FICLONE)
    return
  }
  await (await open(marker, 'w')).close()
  await syncDirectory(cache)
}

const SYNTHETIC_CHECKS = 3

/** Makes the synthetic proofs and checks them by C1. The layers are dropped by the next step, when this one is journaled. */
export const syntheticProof = step(['base', 'pieces', 'ticket', 'pc2out'], context =>
  context.limited('synth_proof', async () => {
    const output = context.need('pc2out')
    try {
      await context.runStage('synth_proof', {
        ...sealedSector(context),
        comm_r: output.comm_r,
        comm_d: output.comm_d,
        piece_infos: context.need('pieces'),
      })
      await context.sync(context.paths.cache)
      await checkByC1(context, output, SYNTHETIC_CHECKS)
    } catch (error) {
      if (error instanceof Interrupt || classified(error).class === 'temporary') throw error
      throw new SealError('temporary', 'synthetic proof', { cause: error })
    }
    return event('SyntheticPoRep')
  }),
)

/** The layers of a sector whose synthetic proofs are journaled: 11 × the sector's size that nobody reads any more. */
export async function dropLayers(context: StepContext): Promise<void> {
  if (sealProof(context.sector.ProofType).feature !== 'synthetic') return
  const { cache } = context.paths
  const layers = (await readdir(cache).catch(() => [])).filter(isLayerFile)
  for (const name of layers) await rm(join(cache, name), { force: true })
}
