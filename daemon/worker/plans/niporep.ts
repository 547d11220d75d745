import { type Plan, state } from '../engine/plan.js'
import { allocateNonInteractive, requireNonInteractive } from './steps/allocate-niporep.js'
import { c1, c2, finished, waitNonInteractiveSeed } from './steps/commit.js'
import { dropTicket, pc1 } from './steps/pc1.js'
import { persistSealed, submitPersisted } from './steps/persist.js'
import { buildTreeD } from './steps/pieces.js'
import { pc2NonInteractive } from './steps/pre-commit.js'
import { submitProof, waitProof } from './steps/submission.js'

/**
 * Seals sectors without data by the non-interactive proof: no pre-commit, no deposit, no wait for a seed of the chain. Whether the
 * network takes such proofs is for the manager to know: it gives out no sectors otherwise.
 */
// biome-ignore format: a table
export const niporepPlan: Plan = {
  name: 'niporep',
  states: {
    //                    stage shown        commitment   step                    event → next state
    Empty:                state(null,              'free',      allocateNonInteractive, { Allocate: 'Allocated' }),
    Allocated:            state('AddPieces',       'free',      requireNonInteractive,  { AddPiece: 'PieceAdded' }),
    PieceAdded:           state('TreeD',           'free',      buildTreeD,             { BuildTreeD: 'TreeDBuilt' }),
    TreeDBuilt:           state('AssignTicket',    'free',      dropTicket,             { AssignTicket: 'TicketAssigned' }),
    TicketAssigned:       state('PC1',             'free',      pc1,                    { PC1: 'PC1Done' }),
    PC1Done:              state('PC2',             'free',      pc2NonInteractive,      { PC2: 'PC2Done' }),
    PC2Done:              state('PersistFiles',    'free',      persistSealed,          { Persist: 'Persisted' }),
    Persisted:            state('SubmitPersisted', 'free',      submitPersisted,        { SubmitPersistance: 'PersistanceSubmitted' }),
    PersistanceSubmitted: state('WaitSeed',        'free',      waitNonInteractiveSeed, { AssignSeed: 'SeedAssigned' }),
    SeedAssigned:         state('C1',              'free',      c1,                     { C1: 'C1Done' }),
    C1Done:               state('C2',              'free',      c2,                     { C2: 'C2Done' }),
    C2Done:               state('SubmitProof',     'free',      submitProof,            { SubmitProof: 'ProofSubmitted' }),
    ProofSubmitted:       state('WaitProofLanded', 'deposited', waitProof,              { Finish: 'Finished', ReSubmitProof: 'C2Done' }),
    Finished:             state(null,              'deposited', finished,               {}),
  },
}
