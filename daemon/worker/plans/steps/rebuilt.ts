import type { CID } from 'multiformats/cid'
import type { SectorState } from '../../../../rpc-schema/manager/sector-state.js'
import { SealError } from '../../../../rpc-schema/seal-error.js'
import { bytesEqual, toHex } from '../../../../rpc-schema/wire/bytes.js'
import { cidToCommR } from '../../../../rpc-schema/wire/cid.js'
import { Interrupt, ManagerUnreachable } from '../../engine/failure.js'
import { event, type StepContext, step } from '../../engine/plan.js'
import { persistFiles, sealedFiles, submitPersistedAs, updateFiles } from './persist.js'
import { addPiecesFrom, buildTreeDOver, piecesOfDeals } from './pieces.js'
import { dropLayers } from './pre-commit.js'
import { snapProve } from './snap.js'
import { runC1 } from './vanilla.js'

/** The sector was sealed without data, and data was put into it later: it is made in the same two steps again. */
const isUpgraded = (context: StepContext): boolean => context.record.finalized !== null

const firstPieces = (context: StepContext) => (isUpgraded(context) ? [] : piecesOfDeals(context))

export const addFirstPieces = addPiecesFrom(firstPieces)
export const buildFirstTreeD = buildTreeDOver(firstPieces)

/** Opens the rebuilt replica at challenges drawn from the ticket, and compares it with the chain's. */
export const checkSealed = step(['base', 'pieces', 'ticket', 'pc2out'], async context => {
  await dropLayers(context)
  await context.limited('c1', async () => {
    await runC1(context, context.need('pc2out'), context.need('ticket').Ticket)
  })
  await checkKey(context)
  return event('CheckSealed')
})

const addUpgradePieces = addPiecesFrom(piecesOfDeals)

/** For an upgraded sector, stages the data that was put in. */
export const prepareForSnapUp = step(['base', 'pieces'], context =>
  isUpgraded(context) ? addUpgradePieces.run(context) : Promise.resolve(event('SkipSnap')),
)

export const proveRebuiltUpdate = step(['base', 'snap_encode_out'], async context => {
  await checkUpdate(context)
  return snapProve.run(context)
})

/** Never lays a replica that is not the chain's over one that may be. */
export const persistRebuilt = step(['base', 'pc2out'], async context => {
  await checkKey(context)
  if (isUpgraded(context)) await checkUpdate(context)
  const files = isUpgraded(context) ? updateFiles : sealedFiles
  return event('Persist', { phases: { persist_instance: await persistFiles(context, files) } })
})

export const submitRebuilt = step(['base', 'persist_instance'], async context => {
  await submitPersistedAs(context, { upgrade: isUpgraded(context) })
  return event('SubmitPersistance')
})

/**
 * A rebuild that is given up goes back to being finalized: its sector is proven as before. An abort would make a damocles manager
 * release its deals and forget its upgrade.
 */
export async function giveRebuildUp(context: StepContext, reason: string): Promise<void> {
  context.log.warn({ reason }, 'the rebuild is given up; the sector stays as it is on the chain')
  await context.call(context.manager.ReportFinalized(context.sector.ID))
}

/** The sealed sector must be the one that was sealed then; of an upgraded one, that before the upgrade. */
async function checkKey(context: StepContext): Promise<void> {
  const { comm_r } = context.need('pc2out')
  const before = context.record.finalized?.public.CommR
  const sealed = before === undefined ? (await recordOf(context))?.Pre?.CommR : undefined
  compare('PC2', comm_r, before ?? commROf(sealed))
}

async function checkUpdate(context: StepContext): Promise<void> {
  const { comm_r_new } = context.need('snap_encode_out')
  compare('snap_encode', comm_r_new, commROf((await recordOf(context))?.UpgradedInfo?.SealedCID))
}

function commROf(sealed: CID | null | undefined): Uint8Array | undefined {
  if (!sealed) return undefined
  try {
    return cidToCommR(sealed)
  } catch (cause) {
    throw new SealError('permanent', `the manager's record of the sector names a replica that is none: ${sealed}`, {
      cause,
    })
  }
}

function compare(stage: string, made: Uint8Array, expected: Uint8Array | undefined): void {
  if (expected === undefined || bytesEqual(made, expected)) return
  throw new SealError(
    'permanent',
    `the rebuilt sector is another one than the chain has: comm_r of ${stage} is ${toHex(made)}, expected ${toHex(expected)}. ` +
      'It is not persisted. Are these the pieces and the ticket that it was sealed with?',
  )
}

/** The manager's record of the sector. Undefined when it has none, or does not say: old managers answer workers less than others. */
async function recordOf(context: StepContext): Promise<SectorState | undefined> {
  try {
    return (await context.call(context.manager.FindSector('online', context.sector.ID))) ?? undefined
  } catch (error) {
    if (error instanceof Interrupt || error instanceof ManagerUnreachable) throw error
    context.log.warn(
      { err: error },
      'the manager does not give its record of the sector: comm_r cannot be compared with it',
    )
    return undefined
  }
}
