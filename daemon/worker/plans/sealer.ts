import { type Plan, state } from '../engine/plan.js'
import { acquireDeals, allocateSector } from './steps/allocate.js'
import { c1, c2, finished, waitSeed } from './steps/commit.js'
import { persistSealed, submitPersisted } from './steps/persist.js'
import { addPieces, buildTreeD } from './steps/pieces.js'
import { dropTicket, pc1, pc2, syntheticProof } from './steps/pre-commit.js'
import { submitPreCommit, submitProof, waitPreCommit, waitProof } from './steps/submission.js'

/** Seals new sectors, with deals or without, from a sector number to a proof on the chain. */
// biome-ignore format: a table
export const sealerPlan: Plan = {
  name: 'sealer',
  states: {
    //                    stage shown        step             event → next state
    Empty:                state(null,              allocateSector,  { Allocate: 'Allocated' }),
    Allocated:            state('AcquireDeals',    acquireDeals,    { AcquireDeals: 'DealsAcquired' }),
    DealsAcquired:        state('AddPieces',       addPieces,       { AddPiece: 'PieceAdded' }),
    PieceAdded:           state('TreeD',           buildTreeD,      { BuildTreeD: 'TreeDBuilt' }),
    TreeDBuilt:           state('AssignTicket',    dropTicket,      { AssignTicket: 'TicketAssigned' }),
    TicketAssigned:       state('PC1',             pc1,             { PC1: 'PC1Done' }),
    PC1Done:              state('PC2',             pc2,             { PC2: 'PC2Done', PC2NeedSyntheticProof: 'SyntheticPoRepNeeded' }),
    SyntheticPoRepNeeded: state('SyntheticPoRep',  syntheticProof,  { SyntheticPoRep: 'PC2Done' }),
    PC2Done:              state('SubmitPreCommit', submitPreCommit, { SubmitPC: 'PCSubmitted' }),
    PCSubmitted:          state('WaitPCLanded',    waitPreCommit,   { CheckPC: 'PCLanded', ReSubmitPC: 'PC2Done' }),
    PCLanded:             state('PersistFiles',    persistSealed,   { Persist: 'Persisted' }),
    Persisted:            state('SubmitPersisted', submitPersisted, { SubmitPersistance: 'PersistanceSubmitted' }),
    PersistanceSubmitted: state('WaitSeed',        waitSeed,        { AssignSeed: 'SeedAssigned' }),
    SeedAssigned:         state('C1',              c1,              { C1: 'C1Done' }),
    C1Done:               state('C2',              c2,              { C2: 'C2Done' }),
    C2Done:               state('SubmitProof',     submitProof,     { SubmitProof: 'ProofSubmitted' }),
    ProofSubmitted:       state('WaitProofLanded', waitProof,       { Finish: 'Finished', ReSubmitProof: 'C2Done' }),
    Finished:             state(null,              finished,        {}),
  },
}
