import type { SectorStateName } from '../worker/sector-states.js'
import type { StageKind } from './kinds.js'

/**
 * The way of a sector through stage workers: which task carries it on in each of its states. A task ends when the sector comes into a state of another
 * task. The files stay where they were sealed until the proof is there: C1 reads them, and only what is proven is worth a place in a store.
 */
export const SEALING_WAY = {
  Allocated: 'AP',
  DealsAcquired: 'AP',
  PieceAdded: 'AP',
  TreeDBuilt: 'PC1',
  TicketAssigned: 'PC1',
  PC1Done: 'PC2',
  SyntheticPoRepNeeded: 'PC2',
  PC2Done: 'WAIT',
  PCSubmitted: 'WAIT',
  PCLanded: 'WAIT',
  SeedAssigned: 'C1',
  C1Done: 'C2',
  C2Done: 'FINALIZE',
  Persisted: 'FINALIZE',
  PersistanceSubmitted: 'WAIT',
  ProofSubmitted: 'WAIT',
  Finished: 'WAIT',
  Aborted: 'WAIT',
} as const satisfies Partial<Record<SectorStateName, StageKind>>
