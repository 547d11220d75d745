import { mkdir, open, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Ticket } from '../../../../rpc-schema/manager/commitment.js'
import { SealError } from '../../../../rpc-schema/seal-error.js'
import { sealProof } from '../../../../rpc-schema/wire/proof-types.js'
import { Interrupt } from '../../engine/failure.js'
import { event, type StepContext, step } from '../../engine/plan.js'
import { layerCount } from '../../store/layout.js'
import type { TimedStage } from '../../store/stage-times.js'
import { distrustLayers, prepareLayers, usableLayers, wholeLayers } from './pc1-layers.js'
import { isTicketTooOld, ticketLifeMs } from './ticket-age.js'

/** A state of its own, so that an operator can send a sector back here for a new ticket. */
export const dropTicket = step(['base', 'pieces'], async () =>
  event('AssignTicket', { phases: { ticket: null }, sealyard: { ticket_assigned_at: null } }),
)

/** PC1 with a ticket that lasts until PC2 ends. */
export const pc1 = step(['base', 'pieces'], context =>
  // The ticket comes only now: PC1 may have waited long for its turn, and a ticket grows old.
  context.limited('pc1', async () => runPc1(context, await lastingTicket(context))),
)

/** PC1 with the ticket that the sector was sealed with once: its age does not matter. */
export const pc1WithTicket = step(['base', 'pieces', 'ticket'], context =>
  context.limited('pc1', () => runPc1(context, context.need('ticket'))),
)

async function runPc1(context: StepContext, { Ticket: ticket }: Ticket) {
  const { staged, cache, sealed } = context.paths
  const { ProofType, ID } = context.sector
  const kept = await usableLayers(context, ticket)
  if (kept > 0) context.log.info({ layers: kept }, 'PC1 goes on after the layers that are there')
  await prepareLayers(context, ticket, kept)
  await mkdir(dirname(sealed), { recursive: true })
  await rm(sealed, { force: true })
  await (await open(sealed, 'w')).close()
  const start = context.clock.monotonic()
  const output = await context
    .runStage('pc1', {
      registered_proof: ProofType,
      cache_path: cache,
      in_path: staged,
      out_path: sealed,
      prover_id: context.record.base!.prove_input[0],
      sector_id: ID.Number,
      ticket,
      piece_infos: context.need('pieces'),
    })
    .catch(async (error: unknown) => {
      // What fails on layers that were there before, without getting any further, may fail because of them.
      if (!(error instanceof Interrupt) && kept > 0 && (await wholeLayers(context)) <= kept)
        await distrustLayers(context)
      throw error
    })
  if (kept === 0) await noteTime(context, 'pc1', context.clock.monotonic() - start)
  await context.sync(cache, sealed)
  return event('PC1', {
    phases: { pc1out: await context.writeOutput('pc1', output) },
    sealyard: { pc2_complete: false },
  })
}

/** The sector's ticket, or another one where that would be too old by the end of PC2. */
async function lastingTicket(context: StepContext): Promise<Ticket> {
  const { ticket } = context.record.phases
  if (ticket === null) return assignTicket(context)
  // Its pre-commit may be on the chain, and only this ticket makes the replica that it names.
  if (context.record.sealyard.deposited) return ticket
  const proof = sealProof(context.sector.ProofType)
  const { sectorSize } = proof
  const pc1Ms = (await context.stageTimes.expected('pc1', sectorSize)) ?? 0
  const pc2Ms = (await context.stageTimes.expected('pc2', sectorSize)) ?? 0
  const toDo = 1 - (await usableLayers(context, ticket.Ticket)) / layerCount(sectorSize)
  const assignedAt = context.record.sealyard.ticket_assigned_at
  const outlook = {
    // Of a ticket that nobody knows the age of, nothing can be hoped.
    ageMs: assignedAt === null ? Number.POSITIVE_INFINITY : Math.max(0, context.now() - assignedAt),
    lifeMs: ticketLifeMs(proof),
    remainingMs: pc1Ms * toDo + pc2Ms,
    afreshMs: pc1Ms + pc2Ms,
  }
  if (!isTicketTooOld(outlook)) return ticket
  context.log.warn(
    { epoch: ticket.Epoch, ...outlook },
    'the ticket would be too old for the chain by the end of PC2: asking for a new one, and PC1 starts over',
  )
  return assignTicket(context)
}

/** Journaled as soon as it is known: a restart in PC1 goes on with the ticket the manager has on record. */
async function assignTicket(context: StepContext): Promise<Ticket> {
  const ticket_assigned_at = context.now()
  const ticket = await context.call(context.manager.AssignTicket(context.sector.ID))
  if (ticket.Ticket.length !== 32)
    throw new SealError('temporary', `the manager's ticket has ${ticket.Ticket.length} bytes`)
  await context.save({ phases: { ticket }, sealyard: { ticket_assigned_at } })
  return ticket
}

/** A time that is not noted only makes the next estimate worse. */
export async function noteTime(context: StepContext, stage: TimedStage, ms: number): Promise<void> {
  const { sectorSize } = sealProof(context.sector.ProofType)
  await context.stageTimes
    .record(stage, sectorSize, ms)
    .catch((error: unknown) => context.log.warn({ err: error }, `cannot note how long ${stage} took`))
}
