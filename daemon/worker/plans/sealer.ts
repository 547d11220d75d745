import { type Plan, state } from '../engine/plan.js'
import { acquireDeals, allocateSector } from './steps/allocate.js'
import { c1, c2, finished, waitSeed } from './steps/commit.js'
import { dropTicket, pc1 } from './steps/pc1.js'
import { persistSealed, submitPersisted } from './steps/persist.js'
import { addPieces, buildTreeD } from './steps/pieces.js'
import { pc2, syntheticProof } from './steps/pre-commit.js'
import { submitPreCommit, submitProof, waitPreCommit, waitProof } from './steps/submission.js'

/** Seals new sectors, with deals or without, from a sector number to a proof on the chain. */
// biome-ignore format: a table
export const sealerPlan: Plan = {
  name: 'sealer',
  states: {
    //                    stage shown        commitment   step             event → next state
    Empty:                state(null,              'free',      allocateSector,  { Allocate: 'Allocated' }),
    Allocated:            state('AcquireDeals',    'free',      acquireDeals,    { AcquireDeals: 'DealsAcquired' }),
    DealsAcquired:        state('AddPieces',       'free',      addPieces,       { AddPiece: 'PieceAdded' }),
    PieceAdded:           state('TreeD',           'free',      buildTreeD,      { BuildTreeD: 'TreeDBuilt' }),
    TreeDBuilt:           state('AssignTicket',    'free',      dropTicket,      { AssignTicket: 'TicketAssigned' }),
    TicketAssigned:       state('PC1',             'free',      pc1,             { PC1: 'PC1Done' }),
    PC1Done:              state('PC2',             'free',      pc2,             { PC2: 'PC2Done', PC2NeedSyntheticProof: 'SyntheticPoRepNeeded' }),
    SyntheticPoRepNeeded: state('SyntheticPoRep',  'free',      syntheticProof,  { SyntheticPoRep: 'PC2Done' }),
    PC2Done:              state('SubmitPreCommit', 'free',      submitPreCommit, { SubmitPC: 'PCSubmitted' }),
    PCSubmitted:          state('WaitPCLanded',    'deposited', waitPreCommit,   { CheckPC: 'PCLanded', ReSubmitPC: 'PC2Done' }),
    PCLanded:             state('PersistFiles',    'deposited', persistSealed,   { Persist: 'Persisted' }),
    Persisted:            state('SubmitPersisted', 'deposited', submitPersisted, { SubmitPersistance: 'PersistanceSubmitted' }),
    PersistanceSubmitted: state('WaitSeed',        'deposited', waitSeed,        { AssignSeed: 'SeedAssigned' }),
    SeedAssigned:         state('C1',              'deposited', c1,              { C1: 'C1Done' }),
    C1Done:               state('C2',              'deposited', c2,              { C2: 'C2Done' }),
    C2Done:               state('SubmitProof',     'deposited', submitProof,     { SubmitProof: 'ProofSubmitted' }),
    ProofSubmitted:       state('WaitProofLanded', 'deposited', waitProof,       { Finish: 'Finished', ReSubmitProof: 'C2Done' }),
    Finished:             state(null,              'deposited', finished,        {}),
  },
}
