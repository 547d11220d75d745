import { type Plan, state } from '../engine/plan.js'
import { allocateSnapUp } from './steps/allocate-snapup.js'
import { finished } from './steps/commit.js'
import { addPieces, buildDataTree } from './steps/pieces.js'
import { snapEncodeFromStore, snapProve } from './steps/snap.js'
import { persistUpdate, submitSnapUp } from './steps/submit-snapup.js'

/** Puts deals into sectors that were sealed without data. The manager sends the update's message; the worker does not wait for it. */
// biome-ignore format: a table
export const snapupPlan: Plan = {
  name: 'snapup',
  states: {
    //           stage shown         commitment   step                 event → next state
    Empty:       state(null,                'free',      allocateSnapUp,      { AllocatedSnapUpSector: 'Allocated' }),
    Allocated:   state('AddPieces',         'free',      addPieces,           { AddPiece: 'PieceAdded' }),
    PieceAdded:  state('TreeD',             'free',      buildDataTree,       { BuildTreeD: 'TreeDBuilt' }),
    TreeDBuilt:  state('SnapEncode',        'free',      snapEncodeFromStore, { SnapEncode: 'SnapEncoded' }),
    SnapEncoded: state('SnapProve',         'free',      snapProve,           { SnapProve: 'SnapProved' }),
    SnapProved:  state('PersistFiles',      'free',      persistUpdate,       { Persist: 'Persisted' }),
    // The answer to a submission may have been lost: giving up now would release deals that are on their way to the chain.
    Persisted:   state('SubmitSnapupProof', 'deposited', submitSnapUp,        { Finish: 'Finished', RePersist: 'SnapProved' }),
    Finished:    state(null,                'deposited', finished,            {}),
  },
}
