import { constants } from 'node:fs'
import { copyFile, mkdir, open, readdir, rm, stat, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { SealError } from '../../../../rpc-schema/seal-error.js'
import { sealProof } from '../../../../rpc-schema/wire/proof-types.js'
import { classified, Interrupt } from '../../engine/failure.js'
import { event, type StepContext, step } from '../../engine/plan.js'
import { syncDirectory } from '../../store/durable-file.js'
import { PC2_MARKER_FILE, TREE_D_FILE } from '../../store/layout.js'
import { checkCommD } from './pieces.js'
import { checkByC1, sealedSector } from './vanilla.js'

/** A state of its own, so that an operator can send a sector back here for a new ticket. */
export const dropTicket = step(['base', 'pieces'], async () => event('AssignTicket', { phases: { ticket: null } }))

export const pc1 = step(['base', 'pieces'], context =>
  context.limited('pc1', async () => {
    // Only now: PC1 may have waited long for its turn, and a ticket grows old.
    const ticket = context.record.phases.ticket ?? (await assignTicket(context))
    const { staged, cache, sealed, prepared } = context.paths
    await rm(cache, { recursive: true, force: true })
    await mkdir(cache, { recursive: true })
    await symlink(join(prepared, TREE_D_FILE), join(cache, TREE_D_FILE))
    await mkdir(dirname(sealed), { recursive: true })
    await (await open(sealed, 'w')).close()
    const output = await context.runStage('pc1', {
      registered_proof: context.sector.ProofType,
      cache_path: cache,
      in_path: staged,
      out_path: sealed,
      prover_id: context.record.base!.prove_input[0],
      sector_id: context.sector.ID.Number,
      ticket: ticket.Ticket,
      piece_infos: context.need('pieces'),
    })
    await context.sync(cache, sealed)
    return event('PC1', { phases: { pc1out: await context.writeOutput('pc1', output) } })
  }),
)

/** Journaled as soon as it is known: a restart in PC1 goes on with the ticket the manager has on record. */
async function assignTicket(context: StepContext) {
  const ticket = await context.call(context.manager.AssignTicket(context.sector.ID))
  if (ticket.Ticket.length !== 32)
    throw new SealError('temporary', `the manager's ticket has ${ticket.Ticket.length} bytes`)
  await context.save({ phases: { ticket } })
  return ticket
}

export const pc2 = step(['base', 'pieces', 'ticket', 'pc1out'], context =>
  context.limited('pc2', async () => {
    const { cache, sealed } = context.paths
    await preparePc2(context)
    const pc1out = (await context.readOutput(context.need('pc1out'))) as { registered_proof: string }
    const output = await context.runStage('pc2', { pc1out, cache_dir: cache, sealed_file: sealed })
    await context.sync(cache, sealed)
    checkCommD(context, 'PC2', output.comm_d)
    if (context.config.verifyAfterPc2) await checkByC1(context, output, 1)
    const synthetic = sealProof(context.sector.ProofType).feature === 'synthetic'
    return event(synthetic ? 'PC2NeedSyntheticProof' : 'PC2', { phases: { pc2out: output } })
  }),
)

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
  const layers = (await readdir(cache).catch(() => [])).filter(name => /^sc-02-data-layer-\d+\.dat$/.test(name))
  for (const name of layers) await rm(join(cache, name), { force: true })
}
