import { type Plan, state } from '../engine/plan.js'
import { finished } from './steps/commit.js'
import { allocateUnseal, giveUpUnseal } from './steps/unseal-allocate.js'
import { unsealPiece } from './steps/unseal-piece.js'
import { uploadPiece } from './steps/unseal-upload.js'

/** Reads a piece back from a sealed sector and brings it to where the manager wants it. */
// biome-ignore format: a table
export const unsealPlan: Plan = {
  name: 'unseal',
  fromQueue: true,
  giveUp: giveUpUnseal,
  states: {
    //         stage shown     commitment  step             event → next state
    Empty:     state(null,          'free',     allocateUnseal,  { AllocatedUnsealSector: 'Allocated' }),
    Allocated: state('Unseal',      'free',     unsealPiece,     { UnsealDone: 'Unsealed' }),
    Unsealed:  state('UploadPiece', 'free',     uploadPiece,     { UploadPieceDone: 'Finished' }),
    Finished:  state(null,          'free',     finished,        {}),
  },
}
