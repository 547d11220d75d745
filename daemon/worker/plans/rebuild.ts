import { type Plan, state } from '../engine/plan.js'
import { allocateRebuild } from './steps/allocate-rebuild.js'
import { finished } from './steps/commit.js'
import { pc1WithTicket } from './steps/pc1.js'
import { buildDataTree } from './steps/pieces.js'
import { pc2, syntheticProof } from './steps/pre-commit.js'
import {
  addFirstPieces,
  buildFirstTreeD,
  checkSealed,
  giveRebuildUp,
  persistRebuilt,
  prepareForSnapUp,
  proveRebuiltUpdate,
  submitRebuilt,
} from './steps/rebuilt.js'
import { snapEncode } from './steps/snap.js'

/** Makes the lost files of proven sectors anew: the replica that the chain has, or none. */
// biome-ignore format: a table
export const rebuildPlan: Plan = {
  name: 'rebuild',
  fromQueue: true,
  giveUp: giveRebuildUp,
  states: {
    //                    stage shown            commitment   step                event → next state
    Empty:                state(null,                'free',      allocateRebuild,    { AllocatedRebuildSector: 'Allocated' }),
    // From here on: the chain has the sector, so no error gives it up.
    Allocated:            state('AddPieces',         'deposited', addFirstPieces,     { AddPiece: 'PieceAdded' }),
    PieceAdded:           state('TreeD',             'deposited', buildFirstTreeD,    { BuildTreeD: 'TreeDBuilt' }),
    TreeDBuilt:           state('PC1',               'deposited', pc1WithTicket,      { PC1: 'PC1Done' }),
    PC1Done:              state('PC2',               'deposited', pc2,                { PC2: 'PC2Done', PC2NeedSyntheticProof: 'SyntheticPoRepNeeded' }),
    SyntheticPoRepNeeded: state('SyntheticPoRep',    'deposited', syntheticProof,     { SyntheticPoRep: 'PC2Done' }),
    PC2Done:              state('C1',                'deposited', checkSealed,        { CheckSealed: 'SealedChecked' }),
    SealedChecked:        state('PrepareForSnapup',  'deposited', prepareForSnapUp,   { SkipSnap: 'SnapDone', AddPiece: 'SnapPieceAdded' }),
    SnapPieceAdded:       state('TreeD',             'deposited', buildDataTree,      { BuildTreeD: 'SnapTreeDBuilt' }),
    SnapTreeDBuilt:       state('SnapEncode',        'deposited', snapEncode,         { SnapEncode: 'SnapEncoded' }),
    SnapEncoded:          state('SnapProve',         'deposited', proveRebuiltUpdate, { SnapProve: 'SnapDone' }),
    SnapDone:             state('PersistFiles',      'deposited', persistRebuilt,     { Persist: 'Persisted' }),
    Persisted:            state('SubmitPersisted',   'deposited', submitRebuilt,      { SubmitPersistance: 'Finished' }),
    Finished:             state(null,                'deposited', finished,           {}),
  },
}
