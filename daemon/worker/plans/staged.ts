import { type Plan, state } from '../engine/plan.js'
import { acquireDeals } from './steps/allocate.js'
import { c1, c2, finished, waitSeed } from './steps/commit.js'
import { dropTicket, pc1 } from './steps/pc1.js'
import { persistSealed, submitPersisted } from './steps/persist.js'
import { addPieces, buildTreeD } from './steps/pieces.js'
import { pc2, syntheticProof } from './steps/pre-commit.js'
import { submitPreCommit, submitProof, waitPreCommit, waitProofFarFromFiles } from './steps/submission.js'

/**
 * A new sector that goes from worker to worker: the steps of the sealer plan. Files are brought to their store only when the proof is made, since C1
 * reads what a store does not keep; they are there before the proof is sent. Which states make a task is in `rpc-schema/stages/way.ts`.
 */
// biome-ignore format: a table
export const stagedPlan: Plan = {
  name: 'staged',
  states: {
    //                    stage shown        commitment   step                    event → next state
    Allocated:            state('AcquireDeals',    'free',      acquireDeals,           { AcquireDeals: 'DealsAcquired' }),
    DealsAcquired:        state('AddPieces',       'free',      addPieces,              { AddPiece: 'PieceAdded' }),
    PieceAdded:           state('TreeD',           'free',      buildTreeD,             { BuildTreeD: 'TreeDBuilt' }),
    TreeDBuilt:           state('AssignTicket',    'free',      dropTicket,             { AssignTicket: 'TicketAssigned' }),
    TicketAssigned:       state('PC1',             'free',      pc1,                    { PC1: 'PC1Done' }),
    PC1Done:              state('PC2',             'free',      pc2,                    { PC2: 'PC2Done', PC2NeedSyntheticProof: 'SyntheticPoRepNeeded' }),
    SyntheticPoRepNeeded: state('SyntheticPoRep',  'free',      syntheticProof,         { SyntheticPoRep: 'PC2Done' }),
    PC2Done:              state('SubmitPreCommit', 'free',      submitPreCommit,        { SubmitPC: 'PCSubmitted' }),
    PCSubmitted:          state('WaitPCLanded',    'deposited', waitPreCommit,          { CheckPC: 'PCLanded', ReSubmitPC: 'PC2Done' }),
    PCLanded:             state('WaitSeed',        'deposited', waitSeed,               { AssignSeed: 'SeedAssigned' }),
    SeedAssigned:         state('C1',              'deposited', c1,                     { C1: 'C1Done' }),
    C1Done:               state('C2',              'deposited', c2,                     { C2: 'C2Done' }),
    C2Done:               state('PersistFiles',    'deposited', persistSealed,          { Persist: 'Persisted' }),
    Persisted:            state('SubmitPersisted', 'deposited', submitPersisted,        { SubmitPersistance: 'PersistanceSubmitted' }),
    PersistanceSubmitted: state('SubmitProof',     'deposited', submitProof,            { SubmitProof: 'ProofSubmitted' }),
    ProofSubmitted:       state('WaitProofLanded', 'deposited', waitProofFarFromFiles,  { Finish: 'Finished', ReSubmitProof: 'PersistanceSubmitted' }),
    Finished:             state(null,              'deposited', finished,               {}),
  },
}
