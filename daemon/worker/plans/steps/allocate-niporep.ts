import type { AllocateSectorSpec } from '../../../../rpc-schema/manager/allocation.js'
import { SealError } from '../../../../rpc-schema/seal-error.js'
import { SEAL_PROOFS, sealProof } from '../../../../rpc-schema/wire/proof-types.js'
import type { SealingConfig } from '../../config/sealing-config.js'
import { step } from '../../engine/plan.js'
import { allocateFor } from './allocate.js'
import { addPieces } from './pieces.js'

/** Unlike elsewhere, no sizes are not "no limit": sectors of other proofs are of no use here. */
export const nonInteractiveSpec = ({ allowedMiners, allowedSizes }: SealingConfig): AllocateSectorSpec => ({
  AllowedMiners: [...allowedMiners],
  AllowedProofTypes: SEAL_PROOFS.filter(
    proof => proof.feature === 'nonInteractive' && (allowedSizes?.includes(proof.sectorSize) ?? true),
  ).map(proof => proof.number),
})

export const allocateNonInteractive = allocateFor(nonInteractiveSpec)

/** Stages a sector without data, if it is one for this plan. A number of the wrong kind is not thrown away over and over: a person decides. */
export const requireNonInteractive = step(['base'], async context => {
  const { name, feature } = sealProof(context.sector.ProofType)
  if (feature === 'nonInteractive') return addPieces.run(context)
  throw new SealError(
    'permanent',
    `the manager gave out a sector with the seal proof ${name}, which is none of those asked for: this plan seals non-interactively. ` +
      'Resume with state Aborted to give the sector back',
  )
})
